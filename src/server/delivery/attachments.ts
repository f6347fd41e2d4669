import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { Ending, PrivateAppend, SessionRecord, Stored } from '../store/ports.ts'
import type { Attachment } from './attachment.ts'
import type { Carrier } from './carrier.ts'

/** How often an answer is completed for a newer request, in milliseconds: two clients with one session would ask without a pause. */
const pauseMs = 1000

/** The attachments of one session on one node: calls to all of them, and which of them a change of the record ends. */
export class Attachments {
  readonly #all: Attachment[] = []
  /** When an answer was last completed for a newer request, by the node's monotonic time. */
  #completedAt = -Infinity

  get size(): number {
    return this.#all.length
  }

  get carriers(): readonly Carrier[] {
    return this.#all.map(({ carrier }) => carrier)
  }

  /** The offset in stream 0 up to which an attachment has written everything; -1 without attachments. */
  get writtenThrough(): number {
    let through = -1
    for (const attachment of this.#all) through = Math.max(through, attachment.writtenThrough)
    return through
  }

  /**
   * A dial has one attachment: ends an older one of the same dial. Requests can overtake each other, so the older one may be what
   * the client waits for: an answer is completed, upon which the client asks again.
   */
  endOthersOf({ k, session }: Attachment): void {
    const now = session.node.host.elapsedMs()
    for (const other of [...this.#all]) {
      if (other.k !== k) continue
      const isToAskAgain = other.isOpen && other.carrier.medium === 'answer' && now - this.#completedAt >= pauseMs
      if (isToAskAgain) {
        this.#completedAt = now
        other.complete()
      } else other.end({ code: codes.moved, reason: 'moved' })
    }
  }

  has(k: number): boolean {
    return this.#all.some((each) => each.k === k)
  }

  add(attachment: Attachment): void {
    this.#all.push(attachment)
  }

  remove(attachment: Attachment): void {
    const index = this.#all.indexOf(attachment)
    if (index >= 0) this.#all.splice(index, 1)
  }

  /** The session's record has changed from one version to a later one of the same epoch. */
  recordChanged(before: SessionRecord, record: SessionRecord): void {
    if (record.taken < before.taken) for (const each of [...this.#all]) each.askAgain(record.taken)
    if (record.turn > before.turn) this.#moved(record)
    if (record.authenticatedAt === null && before.authenticatedAt !== null)
      this.endAll(() => ({ code: codes.unauthenticated, reason: 'not authenticated' }))
    if (record.subscriptions !== before.subscriptions) this.privateChanged()
  }

  /** Rule 5: ends every other attachment that was confirmed before. */
  #moved({ turn, k }: SessionRecord): void {
    for (const attachment of [...this.#all]) {
      if (attachment.k === k) attachment.turn = turn
      else if (attachment.turn > 0 && attachment.turn < turn) attachment.end({ code: codes.moved, reason: 'moved' })
    }
  }

  /** The client has sent a POST, or was on another node. Only its own frames prove that a WebSocket works. */
  activity(): void {
    for (const each of this.#all) if (each.carrier.medium === 'stream') each.activity()
  }

  writeToAll(frame: string): void {
    for (const each of [...this.#all]) each.writeControl(frame)
  }

  /** This node has appended a message to stream 0. */
  sent(message: Stored): void {
    for (const each of this.#all) each.delivery?.sent(message)
  }

  /** The end of stream 0 is at this offset now; the store may have announced the entry there. */
  appended(tail: number, entry: PrivateAppend | null = null): void {
    for (const each of this.#all) each.delivery?.appended(tail, entry)
  }

  /** Stream 0 may have new entries, or the list of subscriptions has changed. */
  privateChanged(): void {
    for (const each of this.#all) each.delivery?.privateChanged()
  }

  /** The client has reported in a POST that its attachment `k` has ended. */
  hangUp(k: number, ending: Ending): void {
    for (const each of [...this.#all]) if (each.k === k) each.hangUp(ending)
  }

  endAll(close: () => CloseFrame): void {
    for (const each of [...this.#all]) each.end(close())
  }

  endWhenDelivered(close: CloseFrame): void {
    for (const each of [...this.#all]) each.endWhenDelivered(close)
  }

  /** More of the client's messages are done: those that end wait for the last one. */
  handled(): void {
    for (const each of [...this.#all]) each.settled()
  }

  /** The node has stopped: the carriers stay as they are. */
  abandon(): void {
    for (const each of this.#all.splice(0)) each.stop()
  }

  tick(): void {
    for (const each of [...this.#all]) each.tick()
  }

  /** The earliest time at which `tick` has something to do, by the node's monotonic time. */
  dueAt(): number {
    let dueAt = Infinity
    for (const each of this.#all) dueAt = Math.min(dueAt, each.dueAt())
    return dueAt
  }
}
