import type { ServerHost } from '../node/host.ts'
import type { SessionRecord, SessionStore } from '../store/ports.ts'
import { Unread } from './unread.ts'

/** How often the store is read for acknowledgments to another node, in milliseconds: the first and the longest interval. */
const firstAskMs = 100
const lastAskMs = 1000

/** The node of these sessions. */
interface UnreadNode {
  readonly host: Pick<ServerHost, 'after' | 'report'>
  readonly sessions: Pick<SessionStore, 'read' | 'readAfter'>
  readonly settings: { readonly resumeWindowMs: number }
  readonly isDown: boolean
  elapsedMs(): number
}

interface Waiter {
  readonly maxBytes: number
  resolve(isDrained: boolean): void
}

/** One session's unread messages. The entry is dropped when nothing is unread and no `drained()` is pending. */
interface UnreadSession {
  readonly epoch: string
  readonly unread: Unread
  readonly waiters: Waiter[]
  /** When it was last used, by the node's monotonic time. */
  usedAt: number
  askMs: number
  cancelAsk: (() => void) | null
}

/**
 * The messages that the sessions of one node have sent and their clients have not acknowledged. A client that is attached here
 * acknowledges here; acknowledgments to another node are read from the store, while a `drained()` is pending.
 */
export class UnreadSessions {
  readonly #node: UnreadNode
  readonly #sessions = new Map<string, UnreadSession>()
  #sweptAt = 0

  constructor(node: UnreadNode) {
    this.#node = node
  }

  /** The number of sessions held. */
  get size(): number {
    return this.#sessions.size
  }

  /** A message was sent from this node. */
  sent(id: string, epoch: string, { offset, bytes }: { readonly offset: number; readonly bytes: number }): void {
    this.#open(id, epoch).unread.add(offset, bytes)
  }

  /** The client has acknowledged everything up to an offset. */
  acknowledged(id: string, epoch: string, through: number): void {
    const session = this.#of(id, epoch)
    if (!session) return
    session.unread.acknowledged(through)
    this.#settle(id, session)
  }

  /** The session has ended, or has another epoch: resolves its pending `drained()` calls with `false`. */
  over(id: string): void {
    const session = this.#sessions.get(id)
    if (!session) return
    this.#sessions.delete(id)
    this.#finish(session)
  }

  bytesOf(id: string, epoch: string): number {
    return this.#of(id, epoch)?.unread.bytes ?? 0
  }

  /**
   * Resolves with `true` once at most `maxBytes` are unread; with `false` once the session has ended, or is unknown.
   * @param known the record, if this node knows it
   * @param isHere whether the client is attached to this node now, and acknowledges here
   */
  async drained(id: string, epoch: string, maxBytes: number, { known, isHere }: Whereabouts): Promise<boolean> {
    const isOver = (record: SessionRecord | null) => this.#node.isDown || record?.epoch !== epoch || record.ended !== null
    const record = known()
    if (isOver(record ?? (await this.#node.sessions.read(id))?.record ?? null)) return false
    if (this.bytesOf(id, epoch) <= maxBytes) return true
    const session = this.#open(id, epoch)
    return new Promise((resolve) => {
      session.waiters.push({ maxBytes, resolve })
      this.#askLater(id, session, isHere)
    })
  }

  /** Drops sessions that were unused for so long that their clients have acknowledged everything or lost the session. */
  tick(): void {
    const now = this.#node.elapsedMs()
    const { resumeWindowMs } = this.#node.settings
    if (now - this.#sweptAt < resumeWindowMs) return
    this.#sweptAt = now
    for (const [id, { waiters, usedAt }] of this.#sessions)
      if (waiters.length === 0 && now - usedAt > 2 * resumeWindowMs) this.#sessions.delete(id)
  }

  /** The node stops: resolves all pending `drained()` calls. */
  stop(): void {
    for (const session of this.#sessions.values()) this.#finish(session)
    this.#sessions.clear()
  }

  #of(id: string, epoch: string): UnreadSession | undefined {
    const session = this.#sessions.get(id)
    if (session?.epoch !== epoch) return undefined
    session.usedAt = this.#node.elapsedMs()
    return session
  }

  #open(id: string, epoch: string): UnreadSession {
    const known = this.#of(id, epoch)
    if (known) return known
    this.over(id)
    const usedAt = this.#node.elapsedMs()
    const session = { epoch, unread: new Unread(), waiters: [], usedAt, askMs: firstAskMs, cancelAsk: null }
    this.#sessions.set(id, session)
    return session
  }

  #settle(id: string, session: UnreadSession): void {
    const { unread, waiters } = session
    if (waiters.length > 0) {
      const served = waiters.filter(({ maxBytes }) => unread.bytes <= maxBytes)
      const rest = waiters.filter((waiter) => !served.includes(waiter))
      waiters.splice(0, waiters.length, ...rest)
      session.askMs = firstAskMs
      for (const { resolve } of served) resolve(true)
    }
    if (waiters.length > 0) return
    session.cancelAsk?.()
    session.cancelAsk = null
    if (unread.bytes === 0 && unread.runs === 0) this.#sessions.delete(id)
  }

  #finish(session: UnreadSession): void {
    session.cancelAsk?.()
    session.cancelAsk = null
    for (const { resolve } of session.waiters.splice(0)) resolve(false)
  }

  #askLater(id: string, session: UnreadSession, isHere: () => boolean): void {
    if (session.cancelAsk) return
    session.cancelAsk = this.#node.host.after(session.askMs, () => {
      session.cancelAsk = null
      session.askMs = Math.min(2 * session.askMs, lastAskMs)
      const asked = isHere() ? Promise.resolve() : this.#ask(id, session)
      asked
        .catch((error) => this.#node.host.report(error))
        .finally(() => {
          if (session.waiters.length > 0 && !this.#node.isDown) this.#askLater(id, session, isHere)
        })
    })
  }

  /** The private stream is trimmed up to the client's acknowledgment to another node. */
  async #ask(id: string, session: UnreadSession): Promise<void> {
    const { sessions } = this.#node
    const read = await sessions.read(id)
    const isOver = !read || read.record.epoch !== session.epoch || read.record.ended !== null
    const reading = isOver ? null : await sessions.readAfter(id, session.unread.through, { maxMessages: 1, maxBytes: 1 })
    if (this.#node.isDown || this.#sessions.get(id) !== session) return
    if (reading?.epoch !== session.epoch) this.over(id)
    else if (reading.lostThrough > 0) this.#acknowledgedElsewhere(id, session, reading.lostThrough)
  }

  #acknowledgedElsewhere(id: string, session: UnreadSession, through: number): void {
    const { bytes } = session.unread
    const { askMs } = session
    session.unread.acknowledged(through)
    this.#settle(id, session)
    // Without progress the interval grows.
    if (session.unread.bytes === bytes) session.askMs = askMs
  }
}

/** What this node knows of a session. */
export interface Whereabouts {
  known(): SessionRecord | null
  isHere(): boolean
}
