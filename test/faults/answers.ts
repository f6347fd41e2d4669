import { STATUS_CODES } from 'node:http'
import type { Request } from './request.ts'

export const html = '<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>'

/** What lets the page that asks read the answer. */
export function corsFor({ origin }: Pick<Request, 'origin'>): string {
  return `Access-Control-Allow-Origin: ${origin || '*'}\r\nAccess-Control-Allow-Credentials: true\r\nTiming-Allow-Origin: *\r\n`
}

/** A whole answer as text; `fields` are whole lines. */
export function answerOf(status: number, fields: string, body = '', contentType = 'text/plain'): string {
  const type = body ? `Content-Type: ${contentType}\r\n` : ''
  const length = status === 204 ? '' : `Content-Length: ${body.length}\r\n`
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${type}${length}${fields}Connection: close\r\n\r\n${body}`
}

export function preflightAnswer(request: Request): string {
  const allowed = 'Access-Control-Allow-Methods: GET, POST\r\nAccess-Control-Allow-Headers: Authorization, Content-Type\r\n'
  return answerOf(204, corsFor(request) + allowed)
}

/** One chunk of a chunked answer. */
export function chunk(bytes: Buffer | string): Buffer {
  const body = Buffer.from(bytes)
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')])
}

export const lastChunk = '0\r\n\r\n'
