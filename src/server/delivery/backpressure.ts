import type { NodeContext } from '../node/node-context.ts'
import type { Stored } from '../store/ports.ts'
import { bytesOf } from '../util/payload.ts'
import type { Attachment } from './attachment.ts'
import type { Attachments } from './attachments.ts'
import { Unwritten } from './unwritten.ts'

/** How long after an answer its client counts as attached, in milliseconds: its next poll follows within seconds. */
const returnsWithinMs = 10_000

/** How many bytes may be sent to a session without attachments before the event loop gets a turn. */
const unattachedBytes = 1_048_576

/** Makes `session.send()` wait, on this node, until the client that reads furthest has been written to. */
export class Backpressure {
  readonly #node: NodeContext
  readonly #attachments: Attachments
  #unwritten: Unwritten | null = null
  /** Bytes sent in a row while no client was attached. */
  #unattachedBytes = 0
  /** The offset in stream 0 up to which the last answer delivered, and when, while its client is expected to poll again. */
  #answered: { readonly through: number; readonly at: number } | null = null

  constructor(node: NodeContext, attachments: Attachments) {
    this.#node = node
    this.#attachments = attachments
  }

  /** Whether a client that polls is expected to return: senders wait for it as for one that is attached. */
  get isReturning(): boolean {
    return this.#answered !== null && this.#node.elapsedMs() - this.#answered.at < returnsWithinMs
  }

  /** A message was sent from this node. The promise, if any, is to be awaited before the next is sent. */
  sent(message: Stored): Promise<void> | null {
    const through = this.#writtenThrough()
    if (through === Infinity) return this.#sentUnattached(bytesOf(message.data))
    if (through >= message.offset) return null
    this.#unwritten ??= new Unwritten()
    this.#unwritten.add(message.offset, bytesOf(message.data))
    return this.#unwritten.room()
  }

  /** An attachment has written what it could, or is gone. */
  written(): void {
    this.#unwritten?.written(this.#writtenThrough())
  }

  /** An answer is complete; its client polls again. */
  answered({ writtenThrough }: Attachment): void {
    this.#answered = { through: writtenThrough, at: this.#node.elapsedMs() }
  }

  attached(): void {
    this.#answered = null
  }

  /** No client is expected, at least not on this node: senders wait no longer. */
  waitsForNobody(): void {
    this.#answered = null
    this.written()
  }

  /** The client that was expected has not come. */
  tick(): void {
    if (this.#answered && !this.isReturning) this.waitsForNobody()
  }

  stop(): void {
    this.#unwritten?.written(Infinity)
  }

  /** A sender in a loop must let the event loop go on, or no client could ever attach. */
  #sentUnattached(bytes: number): Promise<void> | null {
    this.#unattachedBytes += bytes
    if (this.#unattachedBytes < unattachedBytes) return null
    this.#unattachedBytes = 0
    return this.#node.slices.next()
  }

  /** The offset in stream 0 up to which some attachment has written everything; `Infinity` where no client is waited for. */
  #writtenThrough(): number {
    const answered = this.isReturning ? (this.#answered?.through ?? -1) : -1
    const through = Math.max(answered, this.#attachments.writtenThrough)
    return through < 0 ? Infinity : through
  }
}
