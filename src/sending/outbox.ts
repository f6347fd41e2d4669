import type { OutboxBounds } from '../api/message-sender.ts'
import type { Writable } from '../api/transport.ts'
import type { PendingCall } from './pending-call.ts'

/** A queued message. */
export interface Entry<Out> {
  /** The application's value, which is returned to it if the message cannot be delivered. */
  readonly value: Out
  /** A `Blob` until its bytes have been read, if the transport needs them. */
  data: Writable
  readonly bytes: number
  /** The message's number in the client's life, from 1. */
  readonly n: number
  readonly expiresAt: number
  /** The pending call, if the message is one. */
  readonly call?: PendingCall | undefined
}

/** A queue bounded in messages and in bytes. It never drops anything silently: whatever has to go is returned. */
export class Outbox<Out> {
  readonly #limits: OutboxBounds
  #entries: Entry<Out>[] = []
  #head = 0
  #bytes = 0
  /** Written messages that the sender keeps to write them again if need be: they count towards the limits and are not dropped. */
  #held = { messages: 0, bytes: 0 }

  constructor(limits: OutboxBounds) {
    this.#limits = limits
  }

  get first(): Entry<Out> | undefined {
    return this.#entries[this.#head]
  }

  get entries(): readonly Entry<Out>[] {
    return this.#entries.slice(this.#head)
  }

  get length(): number {
    return this.#entries.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Adds a message; returns the messages that were dropped for it, or the message itself.
   * @throws RangeError if it is full and nothing may be dropped, or if the message alone is larger than the limit
   */
  push(entry: Entry<Out>): Entry<Out>[] {
    const { maxMessages, maxBytes, overflow } = this.#limits
    const { messages, bytes } = this.#held
    const isFull = () => this.length + messages + 1 > maxMessages || this.#bytes + bytes + entry.bytes > maxBytes
    if (entry.bytes > maxBytes)
      throw new RangeError(`The message has ${entry.bytes} bytes; the outbox holds ${maxBytes} (outbox.maxBytes).`)
    if (isFull() && overflow === 'reject') {
      throw new RangeError(
        `The outbox is full: ${this.length + messages} messages, ${this.#bytes + bytes} bytes wait (outbox.maxMessages, outbox.maxBytes).`,
      )
    }
    const dropped = overflow === 'drop-oldest' ? this.#takeWhile(isFull) : []
    if (isFull()) return [...dropped, entry]
    this.#entries.push(entry)
    this.#bytes += entry.bytes
    return dropped
  }

  shift(): Entry<Out> | undefined {
    const entry = this.first
    if (!entry) return undefined
    this.#bytes -= entry.bytes
    this.#head += 1
    // `Array.shift()` on a long array would be quadratic.
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return entry
  }

  /** Removes the first message, which counts towards the limits until it is released. */
  hold(): Entry<Out> | undefined {
    const entry = this.shift()
    if (entry) this.release(-1, -entry.bytes)
    return entry
  }

  release(messages: number, bytes: number): void {
    this.#held.messages -= messages
    this.#held.bytes -= bytes
  }

  /** The queued calls. */
  get calls(): readonly Entry<Out>[] {
    return this.#entries.slice(this.#head).filter(({ call }) => call)
  }

  /** Removes one message; returns whether it was queued. */
  remove(entry: Entry<Out>): boolean {
    const index = this.#entries.indexOf(entry, this.#head)
    if (index < 0) return false
    this.#entries.splice(index, 1)
    this.#bytes -= entry.bytes
    return true
  }

  /** Removes the expired messages; all have the same time to live, so the oldest expire first. */
  expire(now: number): Entry<Out>[] {
    return this.#takeWhile(({ expiresAt }) => expiresAt <= now)
  }

  /** Removes and returns all messages. */
  drain(): Entry<Out>[] {
    return this.#takeWhile(() => true)
  }

  #takeWhile(isTaken: (entry: Entry<Out>) => boolean): Entry<Out>[] {
    const taken: Entry<Out>[] = []
    for (let entry = this.first; entry && isTaken(entry); entry = this.first) {
      taken.push(entry)
      this.shift()
    }
    return taken
  }
}
