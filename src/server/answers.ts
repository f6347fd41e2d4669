import { Buffer } from 'node:buffer'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { type CloseFrame, codes } from '../protocols/wire.ts'
import type { Attachment } from './attachment.ts'
import type { Carrier } from './carrier.ts'

/** What stands for a close code where HTTP must say it (rule 9). */
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

/** A collected answer grows no further than this; what is left comes with the next. */
const fullLength = 1_048_576
/** Firefox shows nothing of an answer before enough of it has come. */
const padding = `:${' '.repeat(2048)}\n\n`

const streamHeaders: OutgoingHttpHeaders = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
}

/** A refusal as RFC 9457 has it. The application's own codes mean that the session is over. */
export function problemOf({ code, reason = '', retryAfterMs }: CloseFrame): {
  readonly status: number
  readonly title: string
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: string
} {
  const status = statuses[code] ?? 410
  const title = titles[status] ?? ''
  const body = JSON.stringify({
    ...{ type: 'about:blank', title, status, steadfast: 'v1', code, reason },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
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

export function sendProblem(response: ServerResponse, close: CloseFrame, more: OutgoingHttpHeaders = {}): void {
  if (response.headersSent || response.destroyed) return
  const { status, headers, body } = problemOf(close)
  response.writeHead(status, { ...headers, ...more }).end(body)
}

export function sendJson(response: ServerResponse, value: object, more: OutgoingHttpHeaders = {}): void {
  if (response.headersSent || response.destroyed) return
  const body = JSON.stringify(value)
  response
    .writeHead(200, {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'Content-Length': Buffer.byteLength(body),
      ...more,
    })
    .end(body)
}

/** An answer as a carrier; `attachment` is to be set as soon as there is one. */
export interface AnswerCarrier extends Carrier {
  attachment: Attachment | null
}

/** Is told once whether somebody was let in, or the code of the refusal. */
export type Verdict = (verdict: 'accepted' | number) => void

/** An answer that stays open. */
export class StreamCarrier implements AnswerCarrier {
  readonly medium = 'stream'
  attachment: Attachment | null = null
  readonly #response: ServerResponse
  readonly #verdict: Verdict
  #isWaiting = false

  constructor(response: ServerResponse, verdict: Verdict) {
    this.#response = response
    this.#verdict = verdict
  }

  write(frame: string | Uint8Array): void {
    const response = this.#response
    if (response.destroyed) return
    const isFirst = !response.headersSent
    if (isFirst) {
      this.#verdict('accepted')
      response.writeHead(200, streamHeaders)
    }
    response.write(`${isFirst ? padding : ''}data: ${frame}\n\n`)
  }

  beat(): void {
    if (!this.#response.destroyed) this.#response.write(':\n\n')
  }

  isDraining(): boolean {
    const response = this.#response
    if (!response.writableNeedDrain) return true
    if (!this.#isWaiting) {
      this.#isWaiting = true
      response.once('drain', () => {
        this.#isWaiting = false
        this.attachment?.drained()
      })
    }
    return false
  }

  end(close?: CloseFrame): void {
    const response = this.#response
    if (!response.headersSent) {
      const refusal = close ?? { code: codes.moved }
      this.#verdict(refusal.code)
      sendProblem(response, refusal)
      return
    }
    if (close) this.write(`x${JSON.stringify(close)}`)
    response.end()
  }
}

/** An answer that is sent whole, with its length. */
export class WholeCarrier implements AnswerCarrier {
  readonly medium = 'answer'
  attachment: Attachment | null = null
  readonly #response: ServerResponse
  readonly #verdict: Verdict
  #body = ''

  constructor(response: ServerResponse, verdict: Verdict) {
    this.#response = response
    this.#verdict = verdict
  }

  write(frame: string | Uint8Array): void {
    this.#body += `data: ${frame}\n\n`
  }

  beat(): void {}

  isDraining(): boolean {
    return this.#body.length < fullLength
  }

  end(close?: CloseFrame): void {
    const response = this.#response
    if (this.#body === '' && close) {
      this.#verdict(close.code)
      sendProblem(response, close)
      return
    }
    this.#verdict('accepted')
    if (close) this.write(`x${JSON.stringify(close)}`)
    if (response.destroyed || response.headersSent) return
    // Written as a text, it would first be given room for the longest that it could become.
    const body = Buffer.from(this.#body)
    response.writeHead(200, { ...streamHeaders, 'Content-Length': body.length }).end(body)
  }
}
