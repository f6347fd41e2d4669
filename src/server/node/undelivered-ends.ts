import { isAttached } from '../session/presence-change.ts'
import type { SessionRecord } from '../store/ports.ts'

/** The part of a session's actor that matters here. */
interface EndedSession {
  readonly id: string
  readonly hasAttachments: boolean
  readonly node: { readonly settings: { readonly storeTimeoutMs?: number | undefined } }
}

/**
 * The sessions that this node has ended while it closes, and whose clients have not received the end yet: the node closes when they
 * have. A client that polls, or reconnects at that moment, is not attached; a store in this process ends with it, so that no
 * other node could send the end to such a client.
 */
export class UndeliveredEnds {
  readonly #ids = new Set<string>()
  #polls: ((session: string, k: number) => boolean) | null = null

  get size(): number {
    return this.#ids.size
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /**
   * The node begins to close: ends are tracked from now on.
   * @param polls whether the attachment `k` of a session consists of requests to this node
   */
  track(polls: (session: string, k: number) => boolean): void {
    this.#polls ??= polls
  }

  /** This node has ended a session, whose record was `before`. */
  add({ id, hasAttachments, node }: EndedSession, before: SessionRecord, { ended }: SessionRecord): void {
    if (!this.#polls || ended?.by !== 'server') return
    const isLocal = node.settings.storeTimeoutMs === undefined
    // To a client that is attached to another node, that one sends the end.
    if (hasAttachments || (isLocal && (!isAttached(before) || this.#polls(id, before.k)))) this.#ids.add(id)
  }

  /** The client has received the end. */
  delivered(id: string): void {
    this.#ids.delete(id)
  }
}
