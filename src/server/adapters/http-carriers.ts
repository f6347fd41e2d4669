import { Buffer } from 'node:buffer'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { Attachment } from '../delivery/attachment.ts'
import type { Carrier } from '../delivery/carrier.ts'
import type { ServerHost } from '../node/host.ts'
import type { Share } from './byte-budget.ts'
import { finish, finishInPieces, isGone, sendProblem } from './finish-response.ts'

/** The length at which a buffered answer is full, in characters; the rest follows in the next answer. */
const fullLength = 1_048_576
/** Firefox delivers no part of a response before enough of it has arrived. */
const padding = `:${' '.repeat(2048)}\n\n`

const streamHeaders: OutgoingHttpHeaders = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
}

/** An HTTP answer as a carrier; its creator sets `attachment` as soon as it exists. */
export interface AnswerCarrier extends Carrier {
  attachment: Attachment | null
}

/** Called once, with `'accepted'`, or with the code of the refusal and its reason. */
export type OnAnswered = (verdict: 'accepted' | number, reason?: string) => void

/** An answer that stays open. */
export class StreamCarrier implements AnswerCarrier {
  readonly medium = 'stream'
  attachment: Attachment | null = null
  readonly #response: ServerResponse
  readonly #onAnswered: OnAnswered
  readonly #after: ServerHost['after']
  #state: 'draining' | 'full' | 'closed' = 'draining'

  constructor(response: ServerResponse, onAnswered: OnAnswered, after: ServerHost['after']) {
    this.#response = response
    this.#onAnswered = onAnswered
    this.#after = after
    response.on('drain', () => {
      if (this.#state === 'full') this.#state = 'draining'
      this.attachment?.drained()
    })
    response.on('close', () => {
      this.#state = 'closed'
    })
  }

  write(frame: string | Uint8Array): void {
    const response = this.#response
    if (this.#state === 'closed') return
    const isFirst = !response.headersSent
    if (isFirst) {
      this.#onAnswered('accepted')
      response.writeHead(200, streamHeaders)
    }
    this.#write(`${isFirst ? padding : ''}data: ${frame}\n\n`)
  }

  heartbeat(): void {
    if (this.#state !== 'closed') this.#write(':\n\n')
  }

  isDraining(): boolean {
    return this.#state !== 'full'
  }

  unwrittenBytes(): number {
    return this.#response.writableLength
  }

  end(close?: CloseFrame): void {
    const response = this.#response
    if (!response.headersSent) {
      const refusal = close ?? { code: codes.moved }
      this.#onAnswered(refusal.code, refusal.reason)
      sendProblem(response, this.#after, refusal)
      return
    }
    if (close) this.write(`x${JSON.stringify(close)}`)
    finish(response, this.#after)
  }

  /** The return value of `write` tells whether there is room: a response over HTTP/2 has no `writableNeedDrain`. */
  #write(text: string): void {
    if (!this.#response.write(text) && this.#state === 'draining') this.#state = 'full'
  }
}

/** An answer that is sent whole, with its length. */
export class WholeCarrier implements AnswerCarrier {
  readonly medium = 'answer'
  attachment: Attachment | null = null
  readonly #response: ServerResponse
  readonly #onAnswered: OnAnswered
  readonly #after: ServerHost['after']
  /** The share of the budget that the buffered answer is charged to until the socket has accepted it. */
  readonly #share: Share
  #body = ''

  constructor(response: ServerResponse, onAnswered: OnAnswered, after: ServerHost['after'], share: Share) {
    this.#response = response
    this.#onAnswered = onAnswered
    this.#after = after
    this.#share = share
    response.on('close', () => share.release())
  }

  write(frame: string | Uint8Array): void {
    const event = `data: ${frame}\n\n`
    this.#share.charge(event.length)
    this.#body += event
  }

  heartbeat(): void {}

  isDraining(): boolean {
    return this.#body.length < fullLength && this.#share.hasRoom
  }

  end(close?: CloseFrame): void {
    const response = this.#response
    if (this.#body === '' && close) {
      this.#onAnswered(close.code, close.reason)
      sendProblem(response, this.#after, close)
      return
    }
    this.#onAnswered('accepted')
    if (close) this.write(`x${JSON.stringify(close)}`)
    if (isGone(response) || response.headersSent) return
    // For a string, Node would first allocate the longest encoding that it could need.
    const body = Buffer.from(this.#body)
    this.#body = ''
    response.writeHead(200, { ...streamHeaders, 'Content-Length': body.length })
    finishInPieces(response, this.#after, body)
  }
}
