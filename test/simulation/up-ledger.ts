import { isSame, type Made } from './payloads.ts'
import type { Court } from './violation.ts'

/** One run of the server's `onMessage`. */
interface Start {
  readonly life: string
  readonly at: number
  readonly epoch: string
}

interface Message {
  readonly made: Made
  readonly starts: Start[]
  n: number
  /** Whether its handler has settled, or the client has reported it as undelivered. */
  isSettled: boolean
  isUndelivered: boolean
}

/** Reasons for which a message may be handled twice. */
type Excuse = 'crash' | 'session-lost' | 'store-failed' | 'leases-lost'

/** Messages of the client (rules 2, 4 and 7): all are handled, in order, and again only where the protocol allows it. */
export class UpLedger {
  readonly #court: Court
  readonly #messages: Message[] = []
  readonly #excuses: { readonly excuse: Excuse; readonly at: number; readonly life: string }[] = []
  /** The running handlers, by the life of the node and the epoch of the session. */
  readonly #running = new Map<string, number>()
  /** How many messages, from the first on, have settled. */
  #settledThrough = 0
  /** The number of messages recorded as done, by the session's epoch. */
  readonly #doneOf = new Map<string, number>()
  /** The life of the node on which each session began, by the session's epoch. */
  readonly #homes = new Map<string, string>()
  /** The last run of each hook, by its name and the session's epoch. */
  readonly #hooks = new Map<string, { readonly life: string; readonly at: number }>()
  /** The highest n that any record has as done. */
  #recordedDone = 0
  #handledThrough = -1
  starts = 0
  repeats = 0

  constructor(court: Court) {
    this.#court = court
  }

  get count(): number {
    return this.#messages.length
  }

  get isDrained(): boolean {
    return this.#settledThrough === this.#messages.length
  }

  sent(made: Made): void {
    this.#messages.push({ made, starts: [], n: 0, isSettled: false, isUndelivered: false })
  }

  /** The client has reported these messages to the application as undelivered. */
  undelivered(tags: readonly string[]): void {
    for (const tag of tags) {
      const message = this.#messages[Number(tag.slice(1))]
      if (message) message.isUndelivered = true
    }
    this.#settle()
  }

  excuse(excuse: Excuse, at: number, life = ''): void {
    this.#excuses.push({ excuse, at, life })
    if (excuse !== 'crash') return
    for (const key of this.#running.keys()) if (key.startsWith(`${life} `)) this.#running.delete(key)
  }

  /** `onSession` or `onEnd` begins: once for each session, or again if its node died, or the store failed or lost the leases of nodes. */
  hook(name: 'onSession' | 'onEnd', epoch: string, life: string, now: number): void {
    const key = `${name} ${epoch}`
    const last = this.#hooks.get(key)
    this.#court.must(
      !last || this.#has('crash', last.at, last.life) || this.#has('store-failed', 0) || this.#has('leases-lost', 0),
      'hook-twice',
      () => `${name} of ${epoch} on ${life} after ${last?.life}, and neither its node died nor the store failed`,
    )
    this.#hooks.set(key, { life, at: now })
  }

  /** `onSession` begins. */
  began(epoch: string, life: string, isPinned: boolean): void {
    const before = this.#homes.get(epoch) ?? life
    this.#court.must(!isPinned || before === life, 'pinned-twice', () => `a session began on ${before}, and begins on ${life}`)
    this.#homes.set(epoch, life)
  }

  /** A message of a pinned session is handled on the node on which the session began. */
  atHome(epoch: string, life: string, isPinned: boolean, tag: string): void {
    const home = this.#homes.get(epoch) ?? ''
    this.#court.must(
      !isPinned || home === life,
      'pinned-elsewhere',
      () => `${tag} is handled on ${life}, its session began on ${home}`,
    )
  }

  /** A handler begins. */
  started(made: Made, index: number, n: number, redelivered: boolean, life: string, epoch: string, now: number): void {
    this.starts += 1
    const message = this.#messages[index]
    const what = `message ${index} (n ${n}) on ${life}`
    if (!message || !isSame(message.made, made)) {
      this.#court.must(false, 'up-garbled', () => `${what} is not what was sent`)
      return
    }
    this.#court.must(message.n === 0 || message.n === n, 'up-numbers', () => `${what} had n ${message.n} before`)
    message.n = n
    const key = `${life} ${epoch}`
    const isAlone = [...this.#running.keys()].every((other) => !other.endsWith(` ${epoch}`))
    this.#court.must(
      isAlone || (this.#has('store-failed', 0) && !this.#running.has(key)),
      'up-two-at-once',
      () => `${what} while there run ${[...this.#running].map(([other, each]) => `${each} on ${other}`).join(', ')}`,
    )
    for (let before = this.#handledThrough + 1; before < index; before += 1) {
      this.#court.must(
        !!this.#messages[before]?.isUndelivered,
        'up-order',
        () => `${what}, and message ${before} was never handled`,
      )
    }
    const last = message.starts.at(-1)
    if (last) this.#checkRepeat(what, n, message, last, redelivered, epoch)
    else
      this.#court.must(
        !redelivered || this.#excuses.some(({ excuse }) => excuse !== 'leases-lost'),
        'up-redelivered',
        () => `${what} is called redelivered without a reason`,
      )
    message.starts.push({ life, at: now, epoch })
    this.#handledThrough = Math.max(this.#handledThrough, index)
    this.#running.set(key, index)
  }

  /** A handler has settled, with or without an error. */
  settled(index: number, life: string, epoch: string): void {
    this.failed(index, life, epoch)
    const message = this.#messages[index]
    if (message) message.isSettled = true
    this.#settle()
  }

  /** A handler has failed with an error of the store, and will run again. */
  failed(index: number, life: string, epoch: string): void {
    if (this.#running.get(`${life} ${epoch}`) === index) this.#running.delete(`${life} ${epoch}`)
  }

  /** A record was written. Requests of the page share the numbers of messages: `requestsDone` of them are done too. */
  recorded(done: number, epoch: string, requestsDone = 0): void {
    this.#doneOf.set(epoch, Math.max(done, this.#doneOf.get(epoch) ?? 0))
    if (done <= this.#recordedDone) return
    this.#court.must(
      this.#settledThrough + requestsDone >= done,
      'up-done-early',
      () => `a record says ${done}, and message ${this.#settledThrough} has not settled`,
    )
    this.#recordedDone = done
  }

  /** The client received this acknowledgment. */
  acked(n: number): void {
    this.#court.must(
      n <= this.#recordedDone,
      'up-ack-early',
      () => `the client is told ${n}, the records say ${this.#recordedDone}`,
    )
  }

  /** `flushed()` resolved. */
  flushed(count: number): void {
    this.#court.must(
      this.#settledThrough >= count,
      'up-flushed-early',
      () => `flushed() resolved before message ${this.#settledThrough} was handled`,
    )
  }

  /** The messages that have not been handled yet; '' without any. */
  missing(): string {
    const missing = this.#messages.flatMap(({ isSettled, isUndelivered, n }, index) =>
      isSettled || isUndelivered ? [] : [`${index}${n ? ` (n ${n})` : ''}`],
    )
    return missing.length > 0 ? `up: ${missing.slice(0, 10).join(', ')} of ${this.#messages.length}` : ''
  }

  #checkRepeat(what: string, n: number, { starts }: Message, last: Start, redelivered: boolean, epoch: string): void {
    this.repeats += 1
    this.#court.must(redelivered, 'up-repeat', () => `${what} for the ${starts.length + 1}. time, and is not called redelivered`)
    const isOtherLife = epoch !== last.epoch
    this.#court.must(
      isOtherLife ? this.#has('session-lost', 0) : this.#has('crash', last.at, last.life) || this.#has('store-failed', 0),
      'up-repeat-without-cause',
      () => `${what} once more, and neither its node died nor the session was lost`,
    )
    this.#court.must(
      n > (this.#doneOf.get(epoch) ?? 0),
      'up-repeat-of-done',
      () => `${what} once more, and the record calls it done`,
    )
  }

  #settle(): void {
    for (;;) {
      const next = this.#messages[this.#settledThrough]
      if (!next?.isSettled && !next?.isUndelivered) break
      this.#settledThrough += 1
    }
  }

  #has(excuse: Excuse, since: number, life?: string): boolean {
    return this.#excuses.some((each) => each.excuse === excuse && each.at >= since && (life === undefined || each.life === life))
  }
}
