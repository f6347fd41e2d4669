import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { ServerHost } from '../node/host.ts'
import { finish } from './finish-response.ts'
import type { OriginVerdict } from './origin.ts'

/** Lets any page read the answer to a request without credentials. */
export const anybody: OutgoingHttpHeaders = { 'Access-Control-Allow-Origin': '*', 'Timing-Allow-Origin': '*' }

/** CORS headers of an answer. A page of a refused origin may read the reason, if its request had no credentials. */
export function corsOf(origin: OriginVerdict): OutgoingHttpHeaders {
  if (origin.type === 'no-browser') return {}
  if (origin.type === 'refused') return { ...anybody, Vary: 'Origin' }
  return {
    'Access-Control-Allow-Origin': origin.origin,
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Expose-Headers': 'Retry-After',
    'Timing-Allow-Origin': origin.origin,
    Vary: 'Origin',
  }
}

/** Answers an OPTIONS request. */
export function preflight(response: ServerResponse, origin: OriginVerdict, { after }: ServerHost): void {
  const isAllowed = origin.type === 'allowed'
  response.writeHead(204, {
    ...corsOf(origin),
    ...(isAllowed
      ? {
          'Access-Control-Allow-Methods': 'GET, POST',
          'Access-Control-Allow-Headers': 'Authorization, Content-Type',
          'Access-Control-Max-Age': '7200',
        }
      : {}),
  })
  finish(response, after)
}
