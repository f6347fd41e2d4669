import type { FrameListener, SessionCopies, SessionMessage } from '../session/session-port.ts'
import type { SessionSender } from '../session/session-sender.ts'
import type { SessionState } from '../session/session-state.ts'
import { restoreSession, type SessionSnapshot, snapshotOf } from '../session/snapshot.ts'
import type { StreamPlace } from '../session/stream-cursors.ts'
import { cursorText } from '../wire/steadfast-v1.ts'
import { type Assigned, isCall, type Origin, type Shared } from './messages.ts'
import { type Missed, missedBy, type Past, PastKeeper, placeIn, takenOf } from './past.ts'
import { Roll } from './roll.ts'

/** How many dials, and how many turns, one leader has before it would reach the numbers of the next. */
const numbersOfTerm = 2 ** 20

export interface ReplicaPort {
  /** A message of the server. */
  received(message: SessionMessage): void
  /** Everything below this number is settled. */
  settledBelow(first: number): void
}

/**
 * One tab's copy of the session: all that the leader's client knows, kept ready. Every tab applies the same frames and the same numbers in
 * the same order, so that any of them can go on with it at any moment. The leader reads its frames from the network instead, which
 * comes to the same, since whatever was read before is dropped by its offset.
 */
export class Replica {
  readonly session: SessionState
  readonly roll = new Roll()
  readonly #sender: SessionSender<Origin>
  readonly #port: ReplicaPort
  /** Frames that this tab, as the leader, has told the others, and those of them that it has heard. */
  #told = 0
  #heard = 0
  /** How far all tabs had taken each stream before so many of them. */
  #pending: { readonly told: number; readonly places: readonly StreamPlace[] } | null = null
  /** How far all tabs have; `null`: as far as this one. */
  #common: readonly StreamPlace[] | null = null
  /** What this tab took as a leader that was one no more, so that the others get it of the next: it has had that. */
  #ahead: readonly StreamPlace[] = []
  /** For a tab that was away. */
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
        // What lies before it is of no use to a tab that is told of the gap as well.
        this.#forget()
        inner.onGap(gap)
      },
    }
  }

  get first(): number {
    return this.#sender.sent.first
  }

  /** This tab leads under this term from now on, and tells the others of each frame before it reads it. */
  lead(term: number, copies: SessionCopies): void {
    const { session } = this
    session.dials.before = session.turn = term * numbersOfTerm
    this.roll.lead()
    this.#told = this.#heard = 0
    this.#pending = null
    this.#share(null)
    session.shared.copies = {
      ...copies,
      read: (frame, told) => {
        if (typeof frame === 'string' && !/^[omMbCarsug]/.test(frame)) return
        copies.read(frame, told)
        this.#tell()
      },
    }
  }

  /** Another tab leads: what this one has taken and nobody has heard of is taken again, and this tab is not given it twice. */
  follow(): void {
    const { streams } = this.session
    const common = this.#common
    this.session.shared.copies = null
    this.#share(null)
    if (!common) return
    this.#ahead = streams.places
    streams.clear()
    for (const { stream, epoch, topic, offset } of common) streams.begin(stream, epoch, topic, offset)
  }

  /** The session, and which of its lives at the server. */
  get life(): string {
    const { id, streams } = this.session
    return `${id} ${streams.get(0)?.epoch}`
  }

  get past(): Past {
    return this.#past.past
  }

  /** The session takes a message for the first time; returns whether this tab's application has not had it. */
  took(message: SessionMessage): boolean {
    const { streams } = this.session
    const { stream, offset } = placeIn(message)
    const { epoch = '' } = streams.get(stream) ?? {}
    this.#past.add({ ...message, epoch }, () => streams.places)
    return offset > takenOf(this.#ahead, stream, epoch)
  }

  /** What this tab, as the leader, told of was heard: all tabs have it, and the server may know. */
  heardAgain(): void {
    const { session } = this
    const { port } = session
    this.#heard += 1
    const before = session.shared.cursor
    if (this.#heard === this.#told) this.#share(null)
    else if (this.#pending && this.#heard >= this.#pending.told) this.#share(this.#pending.places)
    else return
    this.#pending = null
    if (session.owedBytes || before === null || session.cursor === before) return
    // The server was told an older cursor in between.
    session.owedBytes = 1
    port?.onAckOwed()
  }

  /** Reads a frame that the leader has read. */
  apply(frame: string | ArrayBuffer, told: string): void {
    const listener: FrameListener = {
      opened() {},
      received: (message) => {
        if (this.took(message)) this.#port.received(message)
      },
      pinged() {},
      closed() {},
      outdated() {
        throw new RangeError('the frame belongs to a life of the session that is over')
      },
    }
    try {
      if (typeof frame === 'string') this.session.readText(frame, listener)
      else this.session.readBytes(frame, listener, told)
    } catch {
      // The leader's connection ends by it, and what the leader makes of that is told.
    }
  }

  /** A message has its place; returns whether that is news. */
  keep({ n, tab, seq, data }: Assigned): boolean {
    if (n !== this.#sender.sent.last + 1) return false
    this.roll.heard({ tab, seq })
    if (isCall(data)) this.#sender.keep({ tab, seq }, data.call, true)
    else this.#sender.keep({ tab, seq }, data)
    return true
  }

  /** Nothing of what was numbered is sent any more. */
  empty(): void {
    const { sent } = this.#sender
    const first = sent.last + 1
    this.#sender.replace(first, [])
    this.roll.adopt([], [], first)
  }

  withdraw(numbers: Iterable<number>): void {
    for (const n of numbers) this.#sender.sent.withdraw(n, n)
  }

  /** What is assigned is written. */
  pump(): void {
    this.#sender.pump()
  }

  snapshot(): SessionSnapshot {
    return snapshotOf(this.session, this.#sender.sent)
  }

  /** Goes on with what another tab knows; returns what this one has missed by then. */
  adopt({ session: snapshot, opened, origins, assigned }: Shared, past: Past | null): Missed {
    const { session } = this
    const { streams } = session
    const had = [...streams.places, ...this.#ahead]
    const wasSame = snapshot.id === session.id
    session.goOn()
    streams.clear()
    restoreSession(session, snapshot)
    session.opened = opened
    const messages = snapshot.messages.map((each, index) => ({ ...each, value: origins[index] ?? { tab: '', seq: 0 } }))
    this.#sender.replace(snapshot.first, messages)
    this.roll.adopt(assigned, origins, snapshot.first)
    if (past && wasSame) this.#past = new PastKeeper(past, streams.places)
    else this.#forget()
    return missedBy(had, this.past, streams.places)
  }

  /** What came before is kept no more. */
  #forget(): void {
    const { places } = this.session.streams
    this.#past = new PastKeeper({ places, messages: [] }, places)
  }

  #settled(): void {
    this.roll.settledBelow(this.first)
    this.#port.settledBelow(this.first)
  }

  /** A frame was told, and is not read yet: the places are those behind all that were told before. */
  #tell(): void {
    const { places } = this.session.streams
    if (this.#heard < this.#told) this.#pending ??= { told: this.#told, places }
    else this.#share(places)
    this.#told += 1
  }

  #share(places: readonly StreamPlace[] | null): void {
    this.#common = places
    this.session.shared.cursor = places && cursorText(new Map(places.map((place) => [place.stream, place])))
  }
}
