import type { SessionState, SessionStore } from '../store/ports.ts'
import { partsOf } from '../util/parts.ts'
import type { ServerHost } from './host.ts'

/** The times that determine when sessions are renewed, in milliseconds. */
export interface RenewalTimes {
  readonly resumeWindowMs: number
  readonly tickMs: number
}

/** The node of the sessions. */
interface RenewingNode {
  readonly sessions: SessionStore
  readonly settings: RenewalTimes
  readonly host: ServerHost
  readonly isDown: boolean
}

/** How many sessions one call of the store renews. */
const renewAtOnce = 500

/** Called with the session's state in the store; `null` if it is gone. */
type Renewed = (state: SessionState | null) => void

/** Renews sessions in the store, in one batch per tick. */
export class Renewals {
  readonly #node: RenewingNode
  #due = new Map<string, Renewed | null>()

  constructor(node: RenewingNode) {
    this.#node = node
  }

  /** The session has a client here: renews it at the next tick. */
  add(id: string, renewed: Renewed | null = null): void {
    if (renewed || !this.#due.has(id)) this.#due.set(id, renewed)
  }

  /** The session has ended, and expires as its record says. */
  drop(id: string): void {
    this.#due.delete(id)
  }

  /** Renews the sessions that are due. */
  tick(): void {
    if (this.#due.size === 0) return
    const due = [...this.#due]
    this.#due = new Map()
    for (const some of partsOf(due, renewAtOnce)) {
      this.#renew(some).catch((error) => {
        // The sessions do not expire at once: the next tick retries.
        if (!this.#node.isDown) for (const [id, renewed] of some) this.add(id, renewed)
        this.#node.host.report(error)
      })
    }
  }

  async #renew(due: readonly (readonly [string, Renewed | null])[]): Promise<void> {
    const { sessions, settings } = this.#node
    const until = attachedUntil(sessions.now(), settings)
    const states = await sessions.renew(
      due.map(([id]) => id),
      until,
    )
    if (this.#node.isDown) return
    for (const [index, [, renewed]] of due.entries()) renewed?.(states[index] ?? null)
  }
}

/** How often a node renews, in the store, a session that has an attachment here, in milliseconds. */
export function renewEveryMs({ resumeWindowMs }: RenewalTimes): number {
  return resumeWindowMs / 3
}

/**
 * Until when the store keeps an attached session: if this node dies before it renews it, the client still has its whole window.
 */
export function attachedUntil(now: number, settings: RenewalTimes): number {
  return now + settings.resumeWindowMs + renewEveryMs(settings) + settings.tickMs
}

/**
 * Until when the store keeps a session that was attached until now. A client that returns at the last moment of its window is
 * renewed at the next tick, and by then no other node may have ended its session.
 */
export function detachedUntil(now: number, { resumeWindowMs, tickMs }: RenewalTimes): number {
  return now + resumeWindowMs + 2 * tickMs
}
