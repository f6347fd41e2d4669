import type { Host } from '../api/host.ts'
import type { Writable } from '../api/transport.ts'
import type { Entry, Outbox } from '../sending/outbox.ts'
import { isBlob } from '../util/type-tags.ts'
import type { Numbered } from './frames.ts'
import type { KeptMessage } from './session-port.ts'

/** A numbered message; its data is `null` once it was withdrawn or answered. */
export interface Kept<Out> {
  readonly entry: Entry<Out>
  data: string | ArrayBuffer | null
}

/** The size of a message on the wire; `bytes` is the size of its data. */
type Measure = (data: Writable | null, bytes: number) => number

/**
 * The unacknowledged messages of a session: kept under numbers without a gap, and written again to the next link from the number
 * that the server names (rule 2).
 */
export class Unacknowledged<Out> {
  readonly #outbox: Outbox<Out>
  #kept: Kept<Out>[] = []
  /** The number of the first kept message, or of the next message if none is kept. */
  #first: number
  /** The highest number that was written to the present link. */
  #through: number
  /** The highest number that the server has confirmed to have: lower ones are no longer in transit, acknowledged or not. */
  #arrived = 0
  #bytesUnderWay = 0
  /** Called once nothing that was written to the present link is unacknowledged. */
  #onSettled: (() => void) | null = null
  /** The measured size of the last batch. */
  lastBytes = 0

  constructor(outbox: Outbox<Out>, first = 1) {
    this.#outbox = outbox
    this.#first = first
    this.#through = first - 1
  }

  get first(): number {
    return this.#first
  }

  /** The highest number that was ever assigned. */
  get last(): number {
    return this.#first + this.#kept.length - 1
  }

  /** The highest number if the queued messages were numbered now. */
  get lastWaiting(): number {
    return this.last + this.#outbox.length
  }

  get oldest(): Entry<Out> | undefined {
    return this.#kept[0]?.entry
  }

  /** Whether messages that were written to the present link are unacknowledged. */
  get isUnderWay(): boolean {
    return this.#through >= this.#first
  }

  /** The highest number that need not be written to the present link. */
  get through(): number {
    return this.#through
  }

  /** Bytes that were written to the present link and may not have arrived. */
  get bytesUnderWay(): number {
    return this.#bytesUnderWay
  }

  /** The size of the next message to write, in bytes; `Infinity` if there is none. */
  get nextBytes(): number {
    return (this.#next?.entry ?? this.#outbox.first)?.bytes ?? Infinity
  }

  get entries(): readonly Entry<Out>[] {
    return entriesOf(this.#kept)
  }

  /**
   * The message with this number, which the server has answered, if it is unacknowledged. It is not written again; only a call
   * that makes a subscription is, because the server records the subscription after its answer.
   */
  answered(n: number): Entry<Out> | undefined {
    const kept = this.#kept[n - this.#first]
    const entry = kept?.entry
    if (kept && !(entry?.call && /^{"type":"(subscribe|members)"/.test(String(kept.data)))) kept.data = null
    return entry
  }

  /** The number of a message that is unacknowledged; `undefined` without one. */
  numberOf(entry: Entry<Out>): number | undefined {
    const index = this.#kept.findIndex((kept) => kept.entry === entry)
    return index < 0 ? undefined : this.#first + index
  }

  /** All kept messages, then the queued ones under the numbers that they would get; without any `Blob` that is not read yet. */
  get messages(): readonly KeptMessage[] {
    const kept = this.#kept.map(({ entry, data }, index) => ({
      n: this.#first + index,
      data,
      ...(entry.call && { isCall: true }),
    }))
    const waiting = this.#outbox.entries.flatMap(({ data, expiresAt, call }, index) =>
      isBlob(data) ? [] : [{ n: this.last + 1 + index, data, expiresAt, ...(call && { isCall: true }) }],
    )
    return [...kept, ...waiting]
  }

  /** Continues with the messages of a former client, from number `first` on; nothing may be numbered yet. */
  restore(first: number, messages: readonly Kept<Out>[]): void {
    this.#first = first
    this.#kept = [...messages]
    this.#outbox.release(-messages.length, -bytesOfKept(messages))
    this.rewind(0)
  }

  /** Gives a message the next number; `next()` returns it in its turn. */
  keep(message: Kept<Out>): void {
    this.#kept.push(message)
    this.#outbox.release(-1, -message.entry.bytes)
  }

  /** The server has all messages up to n; all later ones have to be written. */
  rewind(n: number): void {
    this.#through = Math.max(Math.min(n, this.last), this.#first - 1)
    this.#arrived = this.#through
    this.#bytesUnderWay = 0
  }

  /** The server has acknowledged all messages up to n. */
  settle(n: number): void {
    const settled = this.#kept.splice(0, Math.max(0, n + 1 - this.#first))
    const arriving = settled.slice(Math.max(0, this.#arrived + 1 - this.#first))
    this.#first += settled.length
    this.#through = Math.max(this.#through, this.#first - 1)
    this.#bytesUnderWay = Math.max(0, this.#bytesUnderWay - bytesOfKept(arriving))
    this.#outbox.release(settled.length, bytesOfKept(settled))
    // An answer precedes the acknowledgment of its call, unless the server could not keep it.
    for (const { entry } of settled) entry.call?.lost('lost')
    if (!this.isUnderWay) this.#onSettled?.()
  }

  /** Resolves when all messages written to the present link are acknowledged, at the latest at `until`; `null` if they are. */
  settledBy(until: number, host: Host): Promise<void> | null {
    if (!this.isUnderWay) return null
    return new Promise((resolve) => {
      const cancelLimit = host.after(until - host.now(), resolve)
      this.#onSettled = () => {
        cancelLimit()
        resolve()
      }
    })
  }

  /**
   * The next batch to write: one message, and more up to the limit `most` as counted by `measure` (by default in bytes, with
   * quotes and a comma, since a server bounds the messages of a frame). A message gets its number only here, so that queued
   * messages can still be dropped.
   */
  next(most: number, measure: Measure = (_, bytes) => bytes + 3): Numbered[] {
    const batch: Numbered[] = []
    this.lastBytes = 0
    for (;;) {
      const next = this.#next ?? this.#outbox.first
      if (!next) break
      const { bytes } = 'entry' in next ? next.entry : next
      const size = measure(next.data, bytes)
      if (batch.length && this.lastBytes + size > most) break
      const kept = this.#next ?? this.#number()
      if (!kept) break
      this.lastBytes += size
      this.#bytesUnderWay += bytes
      this.#through += 1
      batch.push({ n: this.#through, data: kept.data, isCall: !!kept.entry.call })
    }
    return batch
  }

  /** Withdraws messages by their numbers, which stay in use (rule 10); returns the messages. */
  withdraw(from: number, to: number): readonly Entry<Out>[] {
    const kept = this.#kept.slice(Math.max(0, from - this.#first), Math.max(0, to + 1 - this.#first))
    const entries = entriesOf(kept)
    for (const each of kept) each.data = null
    return entries
  }

  /** Withdraws all calls, whose answers nobody waits for any more. */
  withdrawCalls(): void {
    for (const each of this.#kept) if (each.entry.call) each.data = null
  }

  /** Drops all messages; returns them. */
  drain(): readonly Entry<Out>[] {
    const { entries } = this
    this.settle(this.last)
    return entries
  }

  /** The next numbered message to write. */
  get #next(): Kept<Out> | undefined {
    return this.#kept[this.#through + 1 - this.#first]
  }

  /** Moves the first queued message here, under the next number. */
  #number(): Kept<Out> | undefined {
    const data = this.#outbox.first?.data
    // A Blob has to be read first; its reader pumps again.
    if (data === undefined || isBlob(data)) return undefined
    const entry = this.#outbox.hold()
    if (!entry) return undefined
    const kept = { entry, data }
    this.#kept.push(kept)
    return kept
  }
}

function entriesOf<Out>(kept: readonly Kept<Out>[]): Entry<Out>[] {
  return kept.flatMap(({ entry, data }) => (data === null ? [] : [entry]))
}

function bytesOfKept(kept: readonly Kept<unknown>[]): number {
  return kept.reduce((bytes, { entry }) => bytes + entry.bytes, 0)
}
