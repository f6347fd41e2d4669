import { STATUS_CODES } from 'node:http'
import { deployments, type Site } from './fault.ts'
import type { Request } from './request.ts'

export const html = '<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>'

/** The CORS headers by which a server of this deployment lets the requesting page read its answer. */
export function corsFor({ deployment }: Pick<Site, 'deployment'>, { origin }: Pick<Request, 'origin'>): string {
  if (!deployments[deployment].hasCors) return ''
  return `Access-Control-Allow-Origin: ${origin || '*'}\r\nAccess-Control-Allow-Credentials: true\r\nTiming-Allow-Origin: *\r\n`
}

/** The cause that a page which may read this answer would see. */
export function seenOf(status: number): string {
  return status < 300 ? 'http.not_realtime' : `http.${status}`
}

/** A complete answer as text; `fields` are header lines. */
export function answerOf(status: number, fields: string, body = '', contentType = 'text/plain'): string {
  const type = body ? `Content-Type: ${contentType}\r\n` : ''
  const length = status === 204 ? '' : `Content-Length: ${body.length}\r\n`
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${type}${length}${fields}Connection: close\r\n\r\n${body}`
}

export function preflightAnswer(site: Pick<Site, 'deployment'>, request: Request): string {
  const allowed = 'Access-Control-Allow-Methods: GET, POST\r\nAccess-Control-Allow-Headers: Authorization, Content-Type\r\n'
  return answerOf(204, corsFor(site, request) && corsFor(site, request) + allowed)
}

/** One chunk of a chunked answer. */
export function chunk(bytes: Buffer | string): Buffer {
  const body = Buffer.from(bytes)
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')])
}

export const lastChunk = '0\r\n\r\n'
