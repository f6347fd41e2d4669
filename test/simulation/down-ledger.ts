import { isSame, type Made, tagOf } from './payloads.ts'
import type { Court } from './violation.ts'

/** One life of one log, with one epoch. */
interface Log {
  readonly topic: string
  readonly epoch: string
  /** Its messages, without entries of other kinds. */
  readonly entries: { readonly offset: number; readonly made: Made }[]
  /** The highest offset that the log has dropped. */
  lostThrough: number
}

/** The client's position in a log. */
interface Place {
  readonly log: Log
  readonly stream: number
  offset: number
  /** Index of the next expected entry. */
  next: number
}

/** Messages of the server (rules 1 and 3): none is missed without a `gap`, none arrives twice, all arrive in order. */
export class DownLedger {
  readonly #court: Court
  /** By topic and epoch; the private stream has the topic ''. */
  readonly #logs = new Map<string, Log>()
  readonly #byTag = new Map<string, { readonly log: Log; readonly offset: number; readonly made: Made }>()
  /** By topic; '' is the private stream. */
  readonly #places = new Map<string, Place>()
  /** Gaps after which another epoch begins, by topic. */
  readonly #expected = new Map<string, number>()
  /** The end of a gap that was reported before the first message of its stream, by topic. */
  readonly #skipped = new Map<string, { readonly log: Log; readonly offset: number }>()
  /** All subscriptions so far, by session epoch and stream number. */
  readonly #subscriptions = new Map<string, { readonly topic: string; readonly epoch: string; readonly from: number }>()
  received = 0
  gaps = 0

  constructor(court: Court) {
    this.#court = court
  }

  // Events of the store.

  appended(topic: string, epoch: string, offset: number, made: Made): void {
    const log = this.#log(topic, epoch)
    log.entries.push({ offset, made })
    this.#byTag.set(tagOf(made), { log, offset, made })
  }

  subscribed(sessionEpoch: string, stream: number, topic: string, epoch: string, from: number): void {
    this.#subscriptions.set(`${sessionEpoch} ${stream}`, { topic, epoch, from })
    // Creates the log, so that it counts as newer than earlier lives of the topic.
    this.#log(topic, epoch)
  }

  lost(topic: string, epoch: string, through: number): void {
    const log = this.#log(topic, epoch)
    log.lostThrough = Math.max(log.lostThrough, through)
  }

  /** The server trims entries that it takes for delivered. */
  trimmed(sessionEpoch: string, through: number): void {
    const log = this.#log('', sessionEpoch)
    const place = this.#places.get('')
    const first = log.entries.find(({ offset }) => offset <= through && offset > log.lostThrough)
    if (!first || first.offset > through) return
    const has = place?.log === log ? place.offset : 0
    const missed = log.entries.find(({ offset }) => offset > Math.max(has, log.lostThrough) && offset <= through)
    this.#court.must(!missed, 'down-trimmed-early', () => `${through} of the private stream is trimmed, the client has ${has}`)
    log.lostThrough = Math.max(log.lostThrough, through)
  }

  // Events of the client.

  /** The client has reported that it starts a new session. */
  began(): void {
    this.#places.clear()
    this.#expected.clear()
    this.#skipped.clear()
  }

  message(made: Made, id: string, topic: string, sessionEpoch: string): void {
    this.received += 1
    const known = this.#byTag.get(tagOf(made))
    const what = `${tagOf(made)} as ${id}`
    if (!known || !isSame(known.made, made)) {
      this.#court.must(false, 'down-garbled', () => `${what} is not what was sent`)
      return
    }
    const { log, offset } = known
    const [stream, place] = id.split('.').map(Number)
    this.#court.must(topic === log.topic, 'down-topic', () => `${what} came for '${topic}' and was sent to '${log.topic}'`)
    this.#court.must(place === offset, 'down-offset', () => `${what} has the offset ${offset} in the log`)
    const at = this.#place(log, stream ?? -1, sessionEpoch, what)
    this.#court.must(offset > at.offset, 'down-repeat', () => `${what}, and the client was at ${at.offset}`)
    const missed = log.entries[at.next]
    this.#court.must(missed?.offset === offset, 'down-loss', () => `${what}, and ${missed?.offset} before it was never delivered`)
    at.offset = offset
    at.next += 1
  }

  gap(topic: string, after: number | null, resumesAt: number): void {
    this.gaps += 1
    const what = `a gap in '${topic}' from ${after} to ${resumesAt}`
    if (after === null) {
      this.#expected.set(topic, resumesAt)
      return
    }
    const place = this.#places.get(topic)
    const isOther = this.#expected.has(topic)
    // The topic may have begun a new life while the gap was in transit.
    const log = (isOther ? null : place?.log) ?? this.#newest(topic, resumesAt - 1) ?? this.#newest(topic)
    if (!log) return
    this.#court.must(
      resumesAt - 1 <= log.lostThrough,
      'down-needless-gap',
      () => `${what}, and the log has lost ${log.lostThrough}`,
    )
    if (isOther) {
      this.#expected.set(topic, resumesAt)
      return
    }
    if (!place) {
      this.#skipped.set(topic, { log, offset: resumesAt - 1 })
      return
    }
    place.offset = Math.max(place.offset, resumesAt - 1)
    while ((log.entries[place.next]?.offset ?? Infinity) <= place.offset) place.next += 1
  }

  /** The messages of its current streams that the client has not received yet; '' without any. */
  missing(sessionEpoch: string, subscriptions: readonly { readonly stream: number; readonly topic: string }[]): string {
    const streams = [{ stream: 0, topic: '' }, ...subscriptions]
    return streams
      .flatMap(({ stream, topic }) => {
        const missing = this.#missingOf(stream, topic, sessionEpoch)
        return missing ? [missing] : []
      })
      .join('; ')
  }

  #missingOf(stream: number, topic: string, sessionEpoch: string): string {
    const log = stream === 0 ? this.#logs.get(keyOf('', sessionEpoch)) : this.#newest(topic)
    const last = log?.entries.at(-1)?.offset ?? 0
    if (!log || last === 0) return ''
    const place = this.#places.get(topic)
    const expected = this.#expected.get(topic)
    // The client knows that a new life of the log begins, which is still empty.
    if (expected !== undefined && place?.log === log) return ''
    const subscription = this.#subscriptions.get(`${sessionEpoch} ${stream}`)
    const isOther = stream > 0 && subscription?.epoch !== log.epoch
    const from = isOther ? (expected ?? 1) - 1 : (subscription?.from ?? 0)
    const has = place?.log === log && place.stream === stream ? place.offset : from
    return last > Math.max(has, log.lostThrough) ? `down: '${topic}' ends at ${last}, the client has ${has}` : ''
  }

  #place(log: Log, stream: number, sessionEpoch: string, what: string): Place {
    const known = this.#places.get(log.topic)
    if (known?.log === log && known.stream === stream) return known
    const expected = this.#expected.get(log.topic)
    this.#expected.delete(log.topic)
    const subscription = this.#subscriptions.get(`${sessionEpoch} ${stream}`)
    let from = 0
    if (stream > 0) {
      this.#court.must(
        !!subscription && subscription.topic === log.topic,
        'down-stream',
        () => `${what} in a stream that is not of it`,
      )
      const isOther = subscription?.epoch !== log.epoch
      this.#court.must(
        !isOther || expected !== undefined,
        'down-silent-epoch',
        () => `${what} is of another epoch, and there was no gap`,
      )
      from = isOther ? (expected ?? 1) - 1 : (subscription?.from ?? 0)
    } else
      this.#court.must(
        log.epoch === sessionEpoch,
        'down-epoch',
        () => `${what} is of the session's epoch ${log.epoch}, not ${sessionEpoch}`,
      )
    const skipped = this.#skipped.get(log.topic)
    if (skipped?.log === log) from = Math.max(from, skipped.offset)
    this.#skipped.delete(log.topic)
    const next = log.entries.findIndex(({ offset }) => offset > from)
    const place = { log, stream, offset: from, next: next < 0 ? log.entries.length : next }
    this.#places.set(log.topic, place)
    return place
  }

  /** The current life of a log. */
  #newest(topic: string, lostThrough = 0): Log | undefined {
    return [...this.#logs.values()].filter((log) => log.topic === topic && log.lostThrough >= lostThrough).at(-1)
  }

  #log(topic: string, epoch: string): Log {
    const key = keyOf(topic, epoch)
    let log = this.#logs.get(key)
    if (!log) {
      log = { topic, epoch, entries: [], lostThrough: 0 }
      this.#logs.set(key, log)
    }
    return log
  }
}

function keyOf(topic: string, epoch: string): string {
  return `${epoch} ${topic}`
}
