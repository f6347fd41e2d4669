import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { Greeting } from '../delivery/parse-frames.ts'
import type { SessionRecord } from '../store/ports.ts'
import { bytesOf } from '../util/payload.ts'
import type { Entrance } from './join-request.ts'
import type { Posted } from './post-body.ts'
import type { Incoming, Source } from './record.ts'
import type { LiveSession } from './session-actor.ts'
import type { Principal } from './session-handle.ts'

/** How long a request waits for its messages to be taken; then it is answered with what was taken until then. */
export const takenWithinMs = 2000

/** What a request that only sends is answered: how far the session's messages are taken and done, or why not. */
export type Receipt = { readonly taken: number; readonly ack: number } | CloseFrame

/** One POST of messages. It waits until they are taken, which may have to wait for another node's handlers. */
export class Posting implements Source, Entrance {
  readonly greeting: Greeting
  readonly principal: Principal
  readonly canFound = false
  readonly isSign: boolean
  readonly #live: LiveSession
  readonly #posted: Posted
  readonly #answer: (receipt: Receipt) => void
  /** Messages that have not been looked at yet. */
  #open = 0
  /** The lowest number that it brings. */
  #first = Infinity
  #isMissing = false
  #cancelLimit: (() => void) | null = null
  #isAnswered = false

  constructor(live: LiveSession, greeting: Greeting, principal: Principal, posted: Posted, answer: (receipt: Receipt) => void) {
    this.greeting = greeting
    this.principal = principal
    this.isSign = posted.isEmpty
    this.#live = live
    this.#posted = posted
    this.#answer = answer
  }

  start(): void {
    if (!this.#live.mayReceive()) {
      this.refused({ code: codes.tooMany, reason: 'too many requests', ...this.#pause() })
      return
    }
    this.#live.enter(this)
  }

  admitted(): void {
    const live = this.#live
    const { runs, messages, bytes, turn, cursor, close } = this.#posted
    live.heard()
    live.acknowledged(this.greeting.cursor, Infinity)
    if (cursor) live.acknowledged(cursor, Infinity)
    if (turn > 0) live.confirm(turn, this.greeting.k)
    const refusal = messages > 0 ? live.refusalOf(messages, bytes) : null
    if (refusal) {
      this.#finish(refusal)
      return
    }
    for (const { first, payloads } of runs) {
      let n = first
      for (const data of payloads) {
        this.#bring(n, data)
        n += 1
      }
    }
    if (close) live.ended(this.greeting.k, { by: 'client', code: close.code, reason: close.reason ?? '' })
    live.settle()
    if (this.#open === 0) this.#finish(null)
    else this.#cancelLimit = live.node.host.after(takenWithinMs, () => this.#finish(null))
  }

  get isWithdrawn(): boolean {
    return this.#isAnswered
  }

  refused(close: CloseFrame): void {
    this.#finish(close)
  }

  over(_: SessionRecord, close: CloseFrame): void {
    this.#finish(close)
  }

  astray(_: Incoming, { taken, redeliveredThrough }: SessionRecord): void {
    // They follow one another, so the first of them tells whether one is missing before them.
    this.#isMissing ||= this.#first > Math.max(taken, redeliveredThrough) + 1
    this.#looked()
  }

  inOrder(): void {
    this.#looked()
  }

  #bring(n: number, data: string | Uint8Array | null): void {
    this.#open += 1
    this.#first = Math.min(this.#first, n)
    this.#live.enqueue({ n, data, bytes: data === null ? 0 : bytesOf(data), source: this, redelivered: false })
  }

  #looked(): void {
    this.#open -= 1
    if (this.#open > 0) return
    this.#finish(this.#isMissing ? { code: codes.protocolError, reason: 'a message is missing' } : null)
  }

  #finish(close: CloseFrame | null): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    this.#cancelLimit?.()
    const { known } = this.#live
    // What has not been taken by now is brought again by the client.
    if (this.#open > 0) this.#live.withdrawn(this.#open)
    if (close || !known) {
      this.#answer(close ?? { code: codes.restarting, reason: 'unknown' })
      return
    }
    const { taken, done } = known
    this.#answer({ taken, ack: done })
  }

  #pause(): { readonly retryAfterMs: number } {
    return { retryAfterMs: this.#live.node.pauseMs() }
  }
}
