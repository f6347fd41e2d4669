/**
 * What the page knows of each transport, learned from the client alone: every attempt with its fate, and from those the state of
 * each rung of the ladder.
 */

export const transports = [
  { type: 'websocket', name: 'WebSocket' },
  { type: 'sse', name: 'SSE' },
  { type: 'long-poll', name: 'Long-poll' },
  { type: 'poll', name: 'Poll' },
]

export const nameOf = (type) => transports.find((transport) => transport.type === type)?.name ?? type

const rankOf = (type) => transports.findIndex((transport) => transport.type === type)

const maxAttempts = 300
/** How long a better transport may still take over from one that opened before it. */
const takeoverMs = 2000
/** How long an attempt may take: less than by default, since somebody is watching. */
export const dialMs = 4000

/**
 * An attempt runs until it has an `endedAt`; `outcome` is 'trying', 'open', 'failed', 'lost' or 'left'. One with an `until` runs
 * beside another that is open, and nobody says so when it is given up.
 */
export class Attempts extends EventTarget {
  all = []

  /** The running attempt on this transport. */
  running(transport) {
    return this.all.findLast((attempt) => attempt.transport === transport && attempt.endedAt === null)
  }

  /** The newest attempt on this transport. */
  last(transport) {
    return this.all.findLast((attempt) => attempt.transport === transport)
  }

  onState({ state }) {
    const now = Date.now()
    if (state.status === 'connecting') {
      for (const transport of state.transports) if (!this.running(transport)) this.#begin(transport, now)
      this.#endAll((attempt) => !state.transports.includes(attempt.transport))
    } else if (state.status === 'open') {
      const attempt = this.running(state.transport) ?? this.#begin(state.transport, now)
      if (attempt.outcome === 'trying') this.#update(attempt, { outcome: 'open', openedAt: now })
      if (state.proven && !attempt.provenAt) this.#update(attempt, { provenAt: now })
      for (const { type } of transports.slice(0, rankOf(state.transport))) {
        const better = this.running(type)
        if (better) better.until ??= now + takeoverMs
      }
      this.#endAll((other) => other.transport !== state.transport && !other.until)
    } else {
      this.#endAll(() => true)
    }
  }

  onError({ diagnosis }) {
    const { transport, phase, elapsedMs } = diagnosis.evidence
    if (phase === 'send') return
    // It may have begun and ended between two looks at the report.
    const attempt = this.running(transport) ?? this.#begin(transport, Date.now() - elapsedMs)
    this.#update(attempt, { outcome: phase === 'open' ? 'lost' : 'failed', endedAt: Date.now() })
  }

  onMove({ from, to }) {
    const left = this.running(from)
    if (left) this.#update(left, { outcome: 'left', endedAt: Date.now(), movedTo: to })
    const attempt = this.running(to) ?? this.#begin(to, Date.now())
    this.#update(attempt, { outcome: 'open', openedAt: Date.now(), movedFrom: from })
  }

  /** Finds in the client's report what no event tells: the attempts beside an open connection, to climb to a better transport. */
  onReport({ attempts }, state) {
    const now = Date.now()
    for (const { transport, dialledAt, openedAt, endedAt } of attempts) {
      const isOver = openedAt !== undefined || endedAt !== undefined || dialledAt < now - dialMs
      const isKnown = this.all.some((attempt) => attempt.transport === transport && attempt.startedAt > dialledAt - 100)
      if (state.status !== 'open' || transport === state.transport || isOver || isKnown) continue
      this.#begin(transport, dialledAt).until = dialledAt + dialMs
    }
    this.#endAll(({ until }) => until < now)
  }

  /** How a rung stands: its state in one word, and in a few. */
  standing(transport) {
    const running = this.running(transport)
    if (running) return running.outcome === 'open' ? ['carrying', 'carries it'] : ['trying', 'trying …']
    const last = this.last(transport)
    if (!last) return ['untried', 'not tried']
    if (last.outcome === 'left') return ['resting', 'resting']
    // Something else works, so this one is left in peace until it is tried again.
    const isResting = this.all.some((attempt) => attempt.endedAt === null && attempt.outcome === 'open')
    return isResting ? ['resting', `${last.outcome}, resting`] : ['failed', last.outcome]
  }

  #begin(transport, startedAt) {
    const attempt = { transport, startedAt, openedAt: null, provenAt: null, endedAt: null, outcome: 'trying' }
    this.all.push(attempt)
    if (this.all.length > maxAttempts) this.all.shift()
    this.#tell(attempt)
    return attempt
  }

  #endAll(isOver) {
    for (const attempt of this.all) {
      if (attempt.endedAt === null && isOver(attempt)) this.#update(attempt, { outcome: 'left', endedAt: Date.now() })
    }
  }

  #update(attempt, change) {
    Object.assign(attempt, change)
    this.#tell(attempt)
  }

  #tell(attempt) {
    this.dispatchEvent(new CustomEvent('change', { detail: attempt }))
  }
}
