import { Buffer } from 'node:buffer'
import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'

/** The HTTP status of each close code (rule 9). */
const statuses: Readonly<Record<number, number>> = {
  [codes.protocolError]: 400,
  [codes.unauthenticated]: 401,
  [codes.forbidden]: 403,
  [codes.silent]: 503,
  [codes.moved]: 409,
  [codes.ended]: 410,
  [codes.tooLarge]: 413,
  [codes.tooMany]: 429,
  [codes.internal]: 500,
  [codes.restarting]: 503,
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** A refusal as problem details (RFC 9457). An application's code means that the session has ended. */
export function problemOf({ code, reason = '', retryAfterMs, application }: CloseFrame): {
  readonly status: number
  readonly title: string
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: string
} {
  const status = statuses[code] ?? 410
  const title = titles[status] ?? ''
  const body = JSON.stringify({
    type: 'about:blank',
    title,
    status,
    steadfast: 'v1',
    code,
    reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(application === undefined ? {} : { application }),
  })
  return {
    status,
    title,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'Content-Length': Buffer.byteLength(body),
      ...(retryAfterMs === undefined ? {} : { 'Retry-After': Math.ceil(retryAfterMs / 1000) }),
    },
    body,
  }
}
