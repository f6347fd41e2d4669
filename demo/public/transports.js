/**
 * What the page knows of each transport, from the client only: every attempt of its report with its outcome, and derived from
 * them the state of each transport.
 */

export const transports = [
  { type: 'websocket', name: 'WebSocket' },
  { type: 'sse', name: 'SSE' },
  { type: 'long-poll', name: 'Long-poll' },
  { type: 'poll', name: 'Poll' },
]

export const nameOf = (type) => transports.find((transport) => transport.type === type)?.name ?? type

export const rankOf = (type) => transports.findIndex((transport) => transport.type === type)

const maxAttempts = 300
/** How long a better transport may still take over from one that opened before it. */
const takeoverMs = 2000
const slackMs = 500
/** How long an attempt may take: less than by default, since a visitor is watching. */
export const dialMs = 4000

/**
 * An attempt runs until it has an `endedAt`; `outcome` is 'trying', 'open', 'failed', 'lost' or 'left'. `openedAt` is when it
 * began to carry the connection. `diagnosis` is the current diagnosis of its end, `first` the one before it was refined.
 */
export class Attempts extends EventTarget {
  all = []
  #byId = new Map()

  /** The running attempt on this transport. */
  running(transport) {
    return this.all.findLast((attempt) => attempt.transport === transport && attempt.endedAt === null)
  }

  /** The newest attempt on this transport. */
  last(transport) {
    return this.all.findLast((attempt) => attempt.transport === transport)
  }

  /** The newest attempt on this transport that failed or was lost, and was not abandoned by the client. */
  lastEnded(transport) {
    const isOwnEnd = ({ diagnosis, openedAt, endedAt }) => endedAt !== null && (diagnosis || openedAt !== null)
    return this.all.findLast((attempt) => attempt.transport === transport && isOwnEnd(attempt))
  }

  /** The attempt that carries the connection, if any. */
  get carrying() {
    return this.all.findLast(({ outcome }) => outcome === 'open')
  }

  /** When the current outage began: when the last carrier of the connection ended. */
  get outageSince() {
    return Math.max(0, ...this.all.flatMap(({ openedAt, endedAt }) => (openedAt === null ? [] : [endedAt ?? Infinity])))
  }

  /** Updates the attempts from the client's report. Abandoned ones are not in it, and are derived from the state. */
  sync({ attempts }, state) {
    for (const told of attempts) this.#take(told)
    if (state.status === 'open') this.#settle(state)
    else {
      const isDialled = ({ transport, id }) =>
        state.status === 'connecting' && state.transports.includes(transport) && this.running(transport).id === id
      this.#leave((attempt) => !isDialled(attempt))
    }
  }

  /** Records a diagnosis from an event, after `sync()`. An earlier one of the same attempt becomes its `first`. */
  diagnosed(diagnosis) {
    const { transport, phase, elapsedMs } = diagnosis.evidence
    const attempt = this.all.findLast(
      ({ evidence, cause }) =>
        cause === diagnosis.cause &&
        evidence.transport === transport &&
        evidence.phase === phase &&
        evidence.elapsedMs === elapsedMs,
    )
    if (!attempt) return
    // Later failures of the same kind start with the refined diagnosis of the first of them.
    const before = this.all.findLast(
      ({ transport, id, diagnosis }) => transport === attempt.transport && id < attempt.id && diagnosis,
    )
    const known = before?.cause === attempt.cause ? before.first : undefined
    this.#update(attempt, { diagnosis, first: attempt.first ?? attempt.diagnosis ?? known })
  }

  /** The refined diagnosis in place of this one, if there is one. */
  refined(diagnosis) {
    return this.all.find(({ first }) => first === diagnosis)?.diagnosis ?? diagnosis
  }

  /** The state of a transport, in one word and in a few. */
  standing(transport) {
    const running = this.running(transport)
    if (running) return running.outcome === 'open' ? ['carrying', 'in use'] : ['trying', 'trying …']
    const last = this.last(transport)
    if (!last) return ['untried', 'not tried']
    if (last.outcome === 'left') return ['resting', 'resting']
    // Another transport works, so this one rests until it is tried again.
    return this.carrying ? ['resting', `${last.outcome}, resting`] : ['failed', last.outcome]
  }

  #take({ id, transport, dialledAt, openedAt, endedAt, cause, certainty, evidence }) {
    const attempt = this.#byId.get(id) ?? this.#begin(id, transport, Date.parse(dialledAt))
    attempt.isOpen = openedAt !== undefined && endedAt === undefined
    const isNews = cause !== attempt.cause || certainty !== attempt.certainty
    if (cause === undefined || !isNews) return
    const outcome = attempt.openedAt === null ? 'failed' : 'lost'
    this.#update(attempt, { outcome, endedAt: Date.parse(endedAt), cause, certainty, evidence: { transport, ...evidence } })
  }

  /** Marks the attempt that carries the connection; others may still replace it or are abandoned. */
  #settle({ transport, since, proven }) {
    const carrying = this.all.findLast((attempt) => attempt.transport === transport && attempt.isOpen)
    if (!carrying) return
    const before = this.carrying
    if (before !== carrying) {
      const isMove = before && before.transport !== transport
      if (before) {
        const left = isMove ? { movedTo: transport } : { wasSilent: true }
        this.#update(before, { outcome: 'left', endedAt: Date.now(), ...left })
      }
      this.#update(carrying, { outcome: 'open', openedAt: since, endedAt: null, ...(isMove && { movedFrom: before.transport }) })
    }
    if (proven && !carrying.provenAt) this.#update(carrying, { provenAt: Date.now() })
    this.#leave((attempt) => {
      if (attempt === carrying) return false
      const isLater = attempt.startedAt > since
      if (!isLater && rankOf(attempt.transport) >= rankOf(transport)) return true
      // The client itself reports attempts that fail before that.
      return Date.now() > Math.min(attempt.startedAt + dialMs, isLater ? Infinity : since + takeoverMs) + slackMs
    })
  }

  #begin(id, transport, startedAt) {
    const attempt = { id, transport, startedAt, openedAt: null, provenAt: null, endedAt: null, outcome: 'trying' }
    this.all.push(attempt)
    this.#byId.set(id, attempt)
    if (this.all.length > maxAttempts) this.#byId.delete(this.all.shift().id)
    this.#tell(attempt)
    return attempt
  }

  #leave(isOver) {
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
