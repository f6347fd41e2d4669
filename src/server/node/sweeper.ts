import type { SessionActors } from '../session/session-actors.ts'
import type { NodeContext } from './node-context.ts'
import { attachedUntil } from './renewals.ts'

const sweepEveryMs = 1000
/** How many expired sessions one call of the store returns at most. */
const sweepAtOnce = 100

/** Ends the sessions in the store to which no client returned within the resume window (rule 8). */
export class Sweeper {
  readonly #node: NodeContext
  readonly #actors: SessionActors
  #sweptAt = 0
  #isSweeping = false

  constructor(node: NodeContext, actors: SessionActors) {
    this.#node = node
    this.#actors = actors
  }

  /** Starts a sweep if one is due and none is running; `now` is of the store's clock. */
  tick(now: number): void {
    const { host, settings } = this.#node
    const elapsedMs = this.#node.elapsedMs()
    if (this.#isSweeping || elapsedMs - this.#sweptAt < Math.min(sweepEveryMs, settings.resumeWindowMs / 4)) return
    this.#sweptAt = elapsedMs
    this.#isSweeping = true
    this.#sweep(now)
      .catch((error) => host.report(error))
      .finally(() => {
        this.#isSweeping = false
      })
  }

  /** Handles all expired sessions, however many. Several nodes may sweep at the same time; the record decides. */
  async #sweep(now: number): Promise<void> {
    const node = this.#node
    const seen = new Set<string>()
    for (;;) {
      const due = (await node.sessions.expired(now, sweepAtOnce)).filter((id) => !seen.has(id))
      if (node.isDown || due.length === 0) return
      for (const id of due) seen.add(id)
      const swept = await Promise.allSettled(due.map((id) => this.#expire(id, now)))
      if (node.isDown) return
      const failed = swept.find(({ status }) => status === 'rejected')
      if (failed?.status === 'rejected') node.host.report(failed.reason)
      if (node.slices.isOver()) await node.slices.next()
    }
  }

  async #expire(id: string, now: number): Promise<void> {
    const { sessions, settings, handlers, presence } = this.#node
    const here = this.#actors.get(id)
    if (here?.hasAttachments || here?.isBusy) {
      await sessions.renew([id], attachedUntil(now, settings))
      return
    }
    const read = await sessions.read(id)
    if (!read || this.#node.isDown) return
    await presence.expired(id, read)
    if (this.#node.isDown) return
    const { record, version } = read
    const { lease, ended, turn, isPinned } = record
    const hasNothingToRun = ended || (turn === 0 && !handlers.onEnd)
    const heldUntil = this.#node.heldUntil(record)
    // The lease of a pinned session does not show whether its client is there.
    const isAtWork = heldUntil > now && (!isPinned || ended !== null)
    if (isAtWork) await sessions.renew([id], Math.min(heldUntil, now + settings.leaseMs))
    else if (!lease && hasNothingToRun) await sessions.remove(id, version)
    else await this.#actors.of(id).processor.expire()
  }
}
