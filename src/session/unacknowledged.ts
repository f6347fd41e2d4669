import type { Host } from '../api/host.ts'
import type { Writable } from '../api/transport.ts'
import type { Entry, Outbox } from '../sending/outbox.ts'
import { isBlob } from '../util/type-tags.ts'
import type { Numbered } from './frames.ts'
import type { KeptMessage } from './session-port.ts'

/** A message with a number; its data is `null` once it was withdrawn. */
export interface Kept<Out> {
  readonly entry: Entry<Out>
  data: string | ArrayBuffer | null
}

/** What a message of so many bytes takes on its way. */
type Measure = (data: Writable | null, bytes: number) => number

/**
 * What a session wrote and the server has not settled: kept under numbers without a gap, and written again to the next link
 * from where the server says (rule 2).
 */
export class Unacknowledged<Out> {
  readonly #outbox: Outbox<Out>
  #kept: Kept<Out>[] = []
  /** The number of the first that is kept, or of the next message where none is. */
  #first: number
  /** The highest number that the present link was given. */
  #through: number
  /** The highest number that the server has said it has: what is settled or not, it is on no link any more. */
  #arrived = 0
  #bytesUnderWay = 0
  #onSettled: (() => void) | null = null
  /** What the last batch took, as it was measured. */
  lastBytes = 0

  constructor(outbox: Outbox<Out>, first = 1) {
    this.#outbox = outbox
    this.#first = first
    this.#through = first - 1
  }

  get first(): number {
    return this.#first
  }

  /** The highest number that was ever given. */
  get last(): number {
    return this.#first + this.#kept.length - 1
  }

  /** The same, if what waits were given numbers now. */
  get lastWaiting(): number {
    return this.last + this.#outbox.length
  }

  get oldest(): Entry<Out> | undefined {
    return this.#kept[0]?.entry
  }

  /** Whether the present link was given anything that is not settled. */
  get isUnderWay(): boolean {
    return this.#through >= this.#first
  }

  /** The highest number that need not be written to the present link. */
  get through(): number {
    return this.#through
  }

  /** Bytes that the present link was given and that may not have arrived. */
  get bytesUnderWay(): number {
    return this.#bytesUnderWay
  }

  /** The size of what has to be written next; `Infinity` when there is nothing. */
  get nextBytes(): number {
    return (this.#next?.entry ?? this.#outbox.first)?.bytes ?? Infinity
  }

  get entries(): readonly Entry<Out>[] {
    return entriesOf(this.#kept)
  }

  /** Whether the server has calls to answer. */
  get hasCalls(): boolean {
    return this.#kept.some(({ entry }) => entry.call)
  }

  /** The message of this number, as long as it is not settled. */
  of(n: number): Entry<Out> | undefined {
    return this.#kept[n - this.#first]?.entry
  }

  /** The number of a message, if it has one and is not settled. */
  numberOf(entry: Entry<Out>): number | undefined {
    const index = this.#kept.findIndex((kept) => kept.entry === entry)
    return index < 0 ? undefined : this.#first + index
  }

  /** All that is kept, and behind it what waits, under the numbers that it would be given; without a `Blob` that is not read yet. */
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

  /** Goes on with what a client before has numbered, where nothing is numbered yet: with the data from number `first` on. */
  restore(first: number, messages: readonly Kept<Out>[]): void {
    this.#first = first
    this.#kept = [...messages]
    this.#outbox.release(-messages.length, -bytesOfKept(messages))
    this.rewind(0)
  }

  /** A message gets the next number, and is written when its turn comes. */
  keep(message: Kept<Out>): void {
    this.#kept.push(message)
    this.#outbox.release(-1, -message.entry.bytes)
  }

  /** The server has everything up to n; everything above has to be written. */
  rewind(n: number): void {
    this.#through = Math.max(Math.min(n, this.last), this.#first - 1)
    this.#arrived = this.#through
    this.#bytesUnderWay = 0
  }

  /** The server has settled everything up to n. */
  settle(n: number): void {
    const settled = this.#kept.splice(0, Math.max(0, n + 1 - this.#first))
    const arriving = settled.slice(Math.max(0, this.#arrived + 1 - this.#first))
    this.#first += settled.length
    this.#through = Math.max(this.#through, this.#first - 1)
    this.#bytesUnderWay = Math.max(0, this.#bytesUnderWay - bytesOfKept(arriving))
    this.#outbox.release(settled.length, bytesOfKept(settled))
    // An answer comes before its call counts as settled, unless the server could not keep it.
    for (const { entry } of settled) entry.call?.lost('lost')
    if (!this.isUnderWay) this.#onSettled?.()
  }

  /** Resolves when all that the present link was given is settled, at the latest at `until`; `null` where it is so already. */
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
   * What to write next: one message, and more of them up to so much, as `measure` counts it (bytes, unless it is given). A number
   * is given only here, so that what waits can still be dropped.
   */
  next(most: number, measure: Measure = (_, bytes) => bytes): Numbered[] {
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

  /** Withdraws messages by their numbers, which stay (rule 10); returns what they were. */
  withdraw(from: number, to: number): readonly Entry<Out>[] {
    const kept = this.#kept.slice(Math.max(0, from - this.#first), Math.max(0, to + 1 - this.#first))
    const entries = entriesOf(kept)
    for (const each of kept) each.data = null
    return entries
  }

  /** Gives everything up; returns what it was. */
  drain(): readonly Entry<Out>[] {
    const { entries } = this
    this.settle(this.#first + this.#kept.length - 1)
    return entries
  }

  /** What has a number, and has to be written next. */
  get #next(): Kept<Out> | undefined {
    return this.#kept[this.#through + 1 - this.#first]
  }

  #number(): Kept<Out> | undefined {
    const data = this.#outbox.first?.data
    // A Blob has to be read first; whoever reads it comes again.
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
