import type { SessionRecord } from '../store/ports.ts'
import { overheadBytes, type Share } from './backlog.ts'
import type { HandledSession } from './handled-session.ts'
import type { Incoming } from './record.ts'

/** The messages of one session that this node has received and the record does not show as taken; limits what waits. */
export class PendingMessages {
  readonly #session: HandledSession
  #messages: Incoming[] = []
  /** The messages' numbers, while only `add` has changed them since `has` was called; `null` otherwise. */
  #numbers: Set<number> | null = null
  /** How many messages, from the first on, are in the step that is being written. */
  #claimed = 0
  /** An upper bound of the withdrawn messages. */
  #withdrawn = 0
  /** Bytes of these messages, and of those taken and not handled yet. */
  #bytes = 0
  /** The principal's share of the messages that wait for this node's handlers. */
  #share: Share | null = null

  constructor(session: HandledSession) {
    this.#session = session
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0
  }

  /** Whether this many more messages may wait, with this many bytes in total. A single message may if no other one waits. */
  fits(messages: number, bytes: number): boolean {
    const cost = bytes + messages * overheadBytes
    const isWithin = this.#bytes + cost <= this.#session.node.settings.limits.maxUnhandledBytes
    return (isWithin || (messages === 1 && this.#bytes === 0)) && this.#shared().fits(messages, cost)
  }

  has(n: number): boolean {
    this.#numbers ??= new Set(this.#messages.map((message) => message.n))
    return this.#numbers.has(n)
  }

  add(message: Incoming): void {
    const cost = message.bytes + overheadBytes
    this.#messages.push(message)
    this.#numbers?.add(message.n)
    this.#bytes += cost
    this.#shared().add(cost)
  }

  /** A message was handled or dropped, and frees its bytes. */
  forget(message: Incoming): void {
    const cost = message.bytes + overheadBytes
    this.#bytes -= cost
    this.#share?.add(-cost)
  }

  /** All messages, for a step that begins in this task. The caller then calls `settle`, `keepUntaken` or `release`. */
  claim(): readonly Incoming[] {
    this.#claimed = this.#messages.length
    return this.#messages
  }

  /** The step was not written, or did not take the claimed messages. */
  release(): void {
    this.#claimed = 0
    this.#sift()
  }

  /** A source has withdrawn this many of its messages (`Source.isWithdrawn`). */
  withdrawn(messages: number): void {
    this.#withdrawn += messages
    if (this.#claimed === 0) this.#sift()
  }

  /** Each claimed message was accepted, is out of order, or is a duplicate; both lists are in the order of the claim. */
  settle(accepted: readonly Incoming[], outOfOrder: readonly Incoming[], record: SessionRecord): void {
    const messages = this.#messages
    const claimed = this.#claimed
    this.#replace(claimed === messages.length ? [] : messages.slice(claimed))
    this.#claimed = 0
    if (this.#messages.length === 0) this.#withdrawn = 0
    let nextAccepted = 0
    let nextOutOfOrder = 0
    for (let index = 0; index < claimed; index += 1) {
      const message = messages[index]
      if (!message) break
      if (message === accepted[nextAccepted]) nextAccepted += 1
      else this.forget(message)
      if (message === outOfOrder[nextOutOfOrder]) {
        nextOutOfOrder += 1
        message.source.outOfOrder(message, record)
      } else message.source.inOrder()
    }
    this.#sift()
  }

  /** Another node takes the messages: settles those that the record shows as taken, and returns the others. */
  keepUntaken({ taken }: SessionRecord): readonly Incoming[] {
    const messages = this.#messages
    this.#claimed = 0
    this.#withdrawn = 0
    this.#replace([])
    for (const message of messages) {
      const { source, n } = message
      if (n > taken && !source.isWithdrawn) this.#messages.push(message)
      else this.forget(message)
      if (n <= taken && !source.isWithdrawn) source.inOrder()
    }
    return this.#messages
  }

  /** Drops all messages: the session is gone. */
  drop(): void {
    for (const message of this.#messages) this.forget(message)
    this.#replace([])
    this.#claimed = 0
    this.#withdrawn = 0
  }

  /** Nothing of the session remains on this node, or its id may get another principal. */
  leave(): void {
    this.#share?.leave()
    this.#share = null
  }

  /** Drops withdrawn messages once they are half of all: a pass for each source would be quadratic. */
  #sift(): void {
    if (this.#withdrawn === 0 || 2 * this.#withdrawn < this.#messages.length) return
    this.#withdrawn = 0
    const messages = this.#messages
    this.#replace(messages.filter(({ source }) => !source.isWithdrawn))
    for (const message of messages) if (message.source.isWithdrawn) this.forget(message)
  }

  #replace(messages: Incoming[]): void {
    this.#messages = messages
    this.#numbers = null
  }

  #shared(): Share {
    const { id, node, record } = this.#session
    this.#share ??= node.backlog.of(record.principalId, id)
    return this.#share
  }
}
