import { maxTimers } from './page.ts'
import type { Stage } from './stage.ts'

/** The most connections that the page may hold at once: a dial of each transport, and the POSTs beside them. */
const maxHeld = 8
/** How long a move to another transport may take, including all that it waits for. */
const moveMs = 45_000
/** How long it may take until a node learns that another attachment was confirmed. */
const twoConfirmedMs = 5000

/** The invariants that must hold at all times. */
export class Guard {
  readonly #stage: Stage
  #manySince = Infinity
  #confirmedSince = Infinity

  constructor(stage: Stage) {
    this.#stage = stage
  }

  check(): void {
    const { court, clock, page, network, store } = this.#stage
    const isAwake = page.being.state === 'awake'
    court.must(page.timers.count <= maxTimers, 'client-timers', () => `the client waits for ${page.timers.count} timers`)
    court.must(
      page.opens.epoch === page.announcedEpoch || !isAwake || page.final !== null,
      'silent-session-loss',
      () => `the session is another (${page.announcedEpoch} -> ${page.opens.epoch}), and the application was not told`,
    )
    let held = 0
    let carriers = 0
    for (const { isHeld, kind } of network.connections) {
      if (!isHeld) continue
      held += 1
      if (kind !== 'send') carriers += 1
    }
    court.must(held <= maxHeld, 'client-connections', () => `the client holds ${held} connections`)
    if (carriers < 2 || !isAwake || page.client.state.status !== 'open') this.#manySince = clock.now
    court.must(clock.now - this.#manySince < moveMs, 'two-attachments', () => `the client holds ${carriers} for ${moveMs} ms`)
    const confirmed = this.#maxConfirmed()
    if (confirmed > 0) store.touched(clock.now)
    if (confirmed < 2 || store.trouble) this.#confirmedSince = clock.now
    court.must(
      clock.now - this.#confirmedSince < twoConfirmedMs,
      'two-confirmed',
      () => `a node holds ${confirmed} attachments of one session that are confirmed`,
    )
    network.sweep()
  }

  /** The messages and requests that have not arrived yet; '' without any. */
  missing(): string {
    const { page, up, down, requests, record } = this.#stage
    if (page.final) {
      const againAfterMs = this.#stage.againAfterMs(page.final.code) ?? Infinity
      return againAfterMs < Infinity ? 'the client has to connect again' : ''
    }
    if (record?.ended) return `the session has ended (${record.ended.code}), and the client does not know`
    if (page.client.state.status !== 'open') return `the client is ${page.client.state.status}`
    const missing = up.missing()
    if (missing) return missing
    if (page.flushes > 0) return 'flushed() has not resolved'
    if (!requests.isSettled) return `${requests.open.join(', ')} has no reply`
    return record ? down.missing(record.epoch, record.subscriptions) : 'there is no session'
  }

  status(): string {
    const held = this.#stage.network.held().map(({ id, kind }) => `#${id} ${kind}`)
    return `the client is ${JSON.stringify(this.#stage.page.client.state)} with ${held.join(', ') || 'no connection'}`
  }

  #maxConfirmed(): number {
    let most = 0
    for (const life of this.#stage.lives) most = Math.max(most, life?.check() ?? 0)
    return most
  }
}
