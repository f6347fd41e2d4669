import type { FrameListener, SentNumbers, SessionCopies, SessionMessage } from '../session/session-port.ts'
import type { SessionSender } from '../session/session-sender.ts'
import type { SessionState } from '../session/session-state.ts'
import { restoreSession, type SessionSnapshot, snapshotOf } from '../session/snapshot.ts'
import type { StreamPlace } from '../session/stream-cursors.ts'
import { cursorText } from '../wire/steadfast-v1.ts'
import { Ahead, lifeIn } from './ahead.ts'
import { type Assigned, isCall, type Origin, type Shared } from './messages.ts'
import { type Missed, missedBy, type Past, PastKeeper, placeIn, takenOf } from './past.ts'
import { Roll } from './roll.ts'

/** How many dials, and how many turns, a leader has before it reaches the numbers of the next term. */
const numbersOfTerm = 2 ** 20

export interface ReplicaPort {
  /** Called for each message of the server. */
  received(message: SessionMessage): void
  /** The server has acknowledged all messages below this number. */
  settledBelow(first: number): void
}

/**
 * One tab's copy of the session: all that the leader's client knows. Every tab applies the same frames and the same numbers in
 * the same order, so that any of them can take over at any moment. The leader reads its frames from the network instead of the
 * channel, with the same result, since what was read before is dropped by its offset.
 */
export class Replica {
  readonly session: SessionState
  readonly roll = new Roll()
  readonly #sender: SessionSender<Origin>
  readonly #port: ReplicaPort
  /** For each frame that this tab has posted as the leader and not received back: how far the streams were read before it. */
  #unreturned: (readonly StreamPlace[])[] = []
  /** How far this tab has read what the leader has not. */
  readonly #ahead = new Ahead()
  /** The last messages, for a tab that was away. */
  #past = new PastKeeper({ places: [], messages: [] }, [])

  constructor(session: SessionState, sender: SessionSender<Origin>, port: ReplicaPort) {
    this.session = session
    this.#sender = sender
    this.#port = port
    const { port: inner } = session
    if (!inner) return
    session.port = {
      ...inner,
      onAcked: (n) => {
        inner.onAcked(n)
        this.#settled()
      },
      onGap: (gap) => {
        // A tab that gets the messages before the gap gets the gap event, too, so they are of no use.
        this.#forget()
        inner.onGap(gap)
      },
    }
  }

  get sent(): SentNumbers {
    return this.#sender.sent
  }

  /** Makes this tab the leader under this term: it posts each frame to the others before it reads it. */
  lead(term: number, copies: Omit<SessionCopies, 'leaving'>): void {
    const { session } = this
    session.dials.before = session.turn = term * numbersOfTerm
    this.roll.revoked(this.sent)
    this.#unreturned = []
    this.#shareCursor()
    session.shared.copies = {
      ...copies,
      leaving: () => {
        this.#ahead.leave(session.streams.places)
      },
      read: (frame, place) => {
        if (typeof frame === 'string' && !/^[omMbCarsug]/.test(frame)) return
        copies.read(frame, place)
        // The frame is posted, and not read yet.
        this.#unreturned.push(session.streams.places)
        if (this.#unreturned.length === 1) this.#shareCursor()
      },
    }
  }

  /** Another tab leads: what this tab read and no other received is read again, but not delivered here twice. */
  follow(): void {
    const { streams } = this.session
    const [common] = this.#unreturned
    this.#unreturned = []
    this.session.shared.copies = null
    this.#shareCursor()
    if (!common) return
    this.#ahead.rewind(streams.places, common)
    streams.clear()
    for (const { stream, epoch, topic, offset } of common) streams.begin(stream, epoch, topic, offset)
  }

  /** The id of the session, and the epoch of its own stream. */
  get life(): string {
    const { id, streams } = this.session
    return `${id} ${streams.get(0)?.epoch}`
  }

  get past(): Past {
    return this.#past.past
  }

  /** Records a message that the session reads for the first time; returns whether this tab's application has not received it. */
  took(message: SessionMessage): boolean {
    const { streams } = this.session
    const { stream, offset } = placeIn(message)
    const { epoch = '' } = streams.get(stream) ?? {}
    this.#past.add({ ...message, epoch }, () => streams.places)
    return !this.#ahead.isRepeat(streams.get(0)?.epoch, stream, epoch, offset)
  }

  /** A frame posted by this tab has come back: all tabs have it, so that it may be acknowledged to the server. */
  receivedBack(): void {
    const { session } = this
    const { port } = session
    const before = session.shared.cursor
    this.#unreturned.shift()
    this.#shareCursor()
    if (session.owedBytes || !before || session.cursor === before()) return
    // The server was sent an older cursor in between.
    session.owedBytes = 1
    port?.onAckOwed()
  }

  /** Reads a frame posted by the leader. */
  apply(frame: string | ArrayBuffer, place: string): void {
    const listener: FrameListener = {
      opened() {},
      received: (message) => {
        if (this.took(message)) this.#port.received(message)
      },
      pinged() {},
      closed() {},
      outdated() {
        throw new RangeError('outdated')
      },
    }
    try {
      if (typeof frame === 'string') this.session.readText(frame, listener)
      else this.session.readBytes(frame, listener, place)
    } catch {
      // The leader's connection fails on this frame, too, and the leader posts the resulting events.
    }
  }

  /** Keeps a numbered message; returns whether it is new. */
  keep({ n, tab, seq, data }: Assigned): boolean {
    if (n !== this.#sender.sent.last + 1) return false
    this.roll.heard({ tab, seq })
    if (isCall(data)) this.#sender.keep({ tab, seq }, data.call, true)
    else this.#sender.keep({ tab, seq }, data)
    return true
  }

  /** Drops all numbered messages, and the places of the streams; what was read is not delivered once more. */
  empty(): void {
    const { sent } = this.#sender
    const first = sent.last + 1
    this.#sender.replace(first, [])
    this.roll.adopt([], [], first)
    const { streams } = this.session
    this.#ahead.adopt(this.#ahead.had(streams.places), [])
    streams.clear()
    this.#forget()
  }

  /** The answer to a call has arrived: it is never sent again. */
  answered(n: number): void {
    this.#sender.sent.answered(n)
  }

  withdraw(numbers: Iterable<number>): void {
    for (const n of numbers) this.#sender.sent.withdraw(n, n)
  }

  /** Writes the numbered messages. */
  pump(): void {
    this.#sender.pump()
  }

  snapshot(): SessionSnapshot {
    return snapshotOf(this.session, this.#sender.sent)
  }

  /**
   * Replaces this copy by that of another tab; returns what this tab had missed.
   * @param used the topics that this tab uses
   */
  adopt({ session: snapshot, opened, origins, assigned, uses }: Shared, past: Past | null, used: readonly string[]): Missed {
    const { session } = this
    const { streams } = session
    const had = this.#ahead.had(streams.places)
    const wasSame = snapshot.id === session.id
    session.goOn()
    streams.clear()
    restoreSession(session, snapshot)
    session.journal?.adopted()
    session.opened = opened
    const messages = snapshot.messages.map((each, index) => ({ ...each, value: origins[index] ?? { tab: '', seq: 0 } }))
    this.#sender.replace(snapshot.first, messages)
    this.roll.adopt(assigned, origins, snapshot.first)
    if (past && wasSame) this.#past = new PastKeeper(past, streams.places)
    else this.#forget()
    const { places } = streams
    this.#ahead.adopt(had, places)
    // A tab that was not here before has missed nothing.
    if (!past) return { gaps: [], messages: [], ended: [] }
    // The leader unsubscribes from what no other tab uses.
    const isUsed = (topic: string) => uses[0].some(([, topics]) => topics.includes(topic))
    const isGone = ({ stream, epoch, topic }: StreamPlace) => takenOf(places, stream, epoch) < 0 || !isUsed(topic)
    const known = had.filter((place) => place.life === lifeIn(places))
    const ended = used.filter((topic) => known.some((place) => place.topic === topic && isGone(place)))
    const missed = missedBy(known, this.past, places, ended)
    return missed
  }

  /** Drops the messages of the past. */
  #forget(): void {
    const { places } = this.session.streams
    this.#past = new PastKeeper({ places, messages: [] }, places)
  }

  #settled(): void {
    this.roll.settledBelow(this.sent.first)
    this.#port.settledBelow(this.sent.first)
  }

  /** The leader acknowledges to the server what all tabs have read. */
  #shareCursor(): void {
    const [common] = this.#unreturned
    this.session.shared.cursor = common ? () => cursorText(common.map((place) => [place.stream, place])) : null
  }
}
