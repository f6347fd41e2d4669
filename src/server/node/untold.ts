import { isAttached } from '../session/presence-change.ts'
import type { SessionRecord } from '../store/ports.ts'

/** What is asked of a session's actor. */
interface EndedSession {
  readonly id: string
  readonly hasAttachments: boolean
  readonly node: { readonly settings: { readonly storeTimeoutMs?: number | undefined } }
}

/**
 * The sessions that this node has ended while it closes, and whose clients do not know yet: the node closes when they do. A client
 * that polls, or reconnects at that moment, is not attached; a store in this process ends with it, so that no other node could
 * tell such a client.
 */
export class Untold {
  readonly #ids = new Set<string>()
  #polls: ((session: string, k: number) => boolean) | null = null

  get size(): number {
    return this.#ids.size
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** The node begins to close; `polls` tells whether the attachment `k` of a session consists of requests to this node. */
  closing(polls: (session: string, k: number) => boolean): void {
    this.#polls ??= polls
  }

  /** This node has ended a session, whose record was `before`. */
  ended({ id, hasAttachments, node }: EndedSession, before: SessionRecord, { ended }: SessionRecord): void {
    if (!this.#polls || ended?.by !== 'server') return
    const isLocal = node.settings.storeTimeoutMs === undefined
    // A client that is attached to another node is told there.
    if (hasAttachments || (isLocal && (!isAttached(before) || this.#polls(id, before.k)))) this.#ids.add(id)
  }

  /** The client has been told. */
  told(id: string): void {
    this.#ids.delete(id)
  }
}
