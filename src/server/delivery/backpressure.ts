import type { NodeContext } from '../node/node-context.ts'
import type { Stored } from '../store/ports.ts'
import { bytesOf } from '../util/payload.ts'
import type { Attachment } from './attachment.ts'
import type { Attachments } from './attachments.ts'
import { Unwritten } from './unwritten.ts'

/** How long after an answer its client counts as attached, in milliseconds: it polls again within seconds. */
const returnsWithinMs = 10_000

/** How many bytes may be sent to a session without attachments before the sender yields to the event loop. */
const unattachedBytes = 1_048_576

/** Back-pressure for `session.send()` on this node: it waits for the attachment that has written furthest. */
export class Backpressure {
  readonly #node: NodeContext
  readonly #attachments: Attachments
  #unwritten: Unwritten | null = null
  /** Bytes sent in succession while no client was attached. */
  #unattachedBytes = 0
  /** The last answer's offset in stream 0 and its time, while its client is expected to poll again. */
  #answered: { readonly through: number; readonly at: number } | null = null

  constructor(node: NodeContext, attachments: Attachments) {
    this.#node = node
    this.#attachments = attachments
  }

  /** Whether a polling client is expected to return: senders wait for it as for an attached one. */
  get isReturning(): boolean {
    return this.#answered !== null && this.#node.elapsedMs() - this.#answered.at < returnsWithinMs
  }

  /** A message was sent from this node. The sender awaits the promise, if any, before it sends the next. */
  sent(message: Stored): Promise<void> | null {
    const through = this.#writtenThrough()
    if (through === Infinity) return this.#sentUnattached(bytesOf(message.data))
    if (through >= message.offset) return null
    this.#unwritten ??= new Unwritten(this.#node.iteration)
    this.#unwritten.add(message.offset, bytesOf(message.data))
    return this.#unwritten.room()
  }

  /** An attachment has written what its carrier takes, or has ended. */
  written(): void {
    this.#unwritten?.written(this.#writtenThrough())
  }

  /** An answer is complete; the client is expected to poll again. */
  answered({ writtenThrough }: Attachment): void {
    this.#answered = { through: writtenThrough, at: this.#node.elapsedMs() }
  }

  attached(): void {
    this.#answered = null
  }

  /** No client is expected on this node: releases the senders that wait for one. */
  releaseSenders(): void {
    this.#answered = null
    this.written()
  }

  /** Gives up on an expected client that has not polled in time. */
  tick(): void {
    if (this.#answered && !this.isReturning) this.releaseSenders()
  }

  stop(): void {
    this.#unwritten?.written(Infinity)
  }

  /** A sender in a loop must yield to the event loop, or no client could ever attach. */
  #sentUnattached(bytes: number): Promise<void> | null {
    this.#unattachedBytes += bytes
    if (this.#unattachedBytes < unattachedBytes) return null
    this.#unattachedBytes = 0
    return this.#node.slices.next()
  }

  /** The offset in stream 0 up to which an attachment has written everything; `Infinity` if no client is expected. */
  #writtenThrough(): number {
    const answered = this.isReturning ? (this.#answered?.through ?? -1) : -1
    const through = Math.max(answered, this.#attachments.writtenThrough)
    return through < 0 ? Infinity : through
  }
}
