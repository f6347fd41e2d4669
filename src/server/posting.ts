import { type CloseFrame, codes } from '../protocols/wire.ts'
import { type ClientFrame, type Greeting, readFrame } from './client-frames.ts'
import type { Entrance } from './entrance.ts'
import type { LiveSession } from './live-session.ts'
import type { Ending, SessionRecord } from './ports.ts'
import type { Incoming, Source } from './record.ts'
import type { Principal } from './session.ts'
import { bytesOf } from './texts.ts'

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
  readonly #frames: readonly ClientFrame[]
  readonly #answer: (receipt: Receipt) => void
  /** Messages that have not been looked at yet. */
  #open = 0
  /** The lowest number that it brings. */
  #first = Infinity
  #isMissing = false
  #ending: Ending | null = null
  #cancelLimit: (() => void) | null = null
  #isAnswered = false

  constructor(
    live: LiveSession,
    greeting: Greeting,
    principal: Principal,
    frames: readonly ClientFrame[],
    answer: (receipt: Receipt) => void,
  ) {
    this.greeting = greeting
    this.principal = principal
    this.isSign = frames.length === 0
    this.#live = live
    this.#frames = frames
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
    const { maxMessageBytes } = live.node.settings.limits
    live.heard()
    live.acknowledged(this.greeting.cursor, Infinity)
    for (const frame of this.#frames) {
      if (frame.type === 'messages') {
        if (frame.payloads.some((data) => bytesOf(data) > maxMessageBytes)) {
          this.#finish({ code: codes.tooLarge, reason: 'a message is too large' })
          return
        }
        for (const [index, data] of frame.payloads.entries()) this.#bring(frame.first + index, data)
      } else if (frame.type === 'withdrawn') this.#bring(frame.n, null)
      else if (frame.type === 'turn') live.confirm(frame.turn, this.greeting.k)
      else if (frame.type === 'ack') live.acknowledged(frame.cursor, Infinity)
      else if (frame.type === 'close') {
        const { code, reason = '' } = frame.close
        this.#ending = { by: 'client', code, reason }
      }
    }
    if (this.#ending) live.ended(this.greeting.k, this.#ending)
    if (live.isOverfull) {
      this.#finish({ code: codes.tooMany, reason: 'too much is not handled yet', ...this.#pause() })
      return
    }
    live.settle()
    if (this.#open === 0) this.#finish(null)
    else this.#cancelLimit = live.node.host.after(takenWithinMs, () => this.#finish(null))
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
    this.#live.enqueue({ n, data, bytes: data === null ? 0 : bytesOf(data), source: this })
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
    if (close || !known) {
      this.#live.withdraw(this)
      this.#answer(close ?? { code: codes.restarting, reason: 'unknown' })
      return
    }
    const { taken, done } = known
    // What has not been taken by now is brought again by the client.
    if (this.#open > 0) this.#live.withdraw(this)
    this.#answer({ taken, ack: done })
  }

  #pause(): { readonly retryAfterMs: number } {
    return { retryAfterMs: this.#live.node.pauseMs() }
  }
}

/** Reads the lines of a body; `null` if one of them is malformed. */
export function readLines(lines: readonly string[]): readonly ClientFrame[] | null {
  const frames: ClientFrame[] = []
  for (const line of lines) {
    const frame = line === '' ? null : readFrame(line)
    if (frame) frames.push(frame)
    else if (line !== '') return null
  }
  return frames
}
