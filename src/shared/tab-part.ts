import type { Report } from '../api/evidence.ts'
import type { MessageSender } from '../api/message-sender.ts'
import type { SharingClient } from '../api/sharing.ts'
import type { SessionMode } from '../session/session-mode.ts'
import type { SessionMessage } from '../session/session-port.ts'
import type { SessionSender } from '../session/session-sender.ts'
import { EarlyMessages } from './early-messages.ts'
import { Mailbox } from './mailbox.ts'
import type { Origin, Shared, TabMessage } from './messages.ts'
import { Numbering } from './numbering.ts'
import type { Past } from './past.ts'
import { Replica } from './replica.ts'
import type { Room } from './room.ts'
import { SharedCalls } from './shared-calls.ts'
import type { Shown } from './shown.ts'

const unbounded = { maxMessages: Infinity, maxBytes: Infinity, overflow: 'reject' } as const

export interface TabPartPort<Out> {
  readonly client: SharingClient<Out>
  readonly shown: Shown
  readonly room: Room
  /** Opens the connection of this tab, which leads. */
  connect(what: 'connect' | 'reconnect'): void
  /** Begins another session. */
  begin(): void
}

/** One tab's part in the shared session: its queue, its copy of the session, and the messages between the tabs about both. */
export class TabPart<Out> {
  readonly replica: Replica
  readonly mailbox: Mailbox<Out>
  readonly calls: SharedCalls
  /** The sender of the session, used while this tab leads. */
  readonly inner: MessageSender<Origin>
  isUp = false
  readonly #port: TabPartPort<Out>
  readonly #shown: Shown
  readonly #early = new EarlyMessages()
  #isToHandOver = false
  readonly #numbering: Numbering<Out>

  constructor(mode: SessionMode, port: TabPartPort<Out>) {
    const { client, shown } = port
    const { outbox } = client.settings
    this.#port = port
    this.#shown = shown
    const onWaiting = () => this.handOverSoon()
    this.mailbox = new Mailbox({ ...client.port, limits: outbox, ttlMs: outbox.ttlMs, onWaiting })
    this.inner = mode.sender<Origin>({
      ...client.port,
      limits: unbounded,
      ttlMs: Infinity,
      onLost: ({ undelivered = [] }, report) => this.#lost(undelivered, report),
      onGap: (gap) => shown.isClosedHere || client.port.onGap(gap),
    })
    this.replica = new Replica(mode.session, this.inner as SessionSender<Origin>, {
      received: (message) => this.#received(message),
      settledBelow: (first) => this.mailbox.settledBelow(first),
    })
    this.calls = new SharedCalls({
      room: port.room,
      replica: this.replica,
      mailbox: this.mailbox,
      isUp: () => this.isUp,
      isClosedHere: () => shown.isClosedHere,
      onWaiting,
    })
    this.#numbering = new Numbering({ room: port.room, replica: this.replica, mailbox: this.mailbox, calls: this.calls })
    const { session } = mode
    if (!session.port) return
    session.port = {
      ...session.port,
      onCall: (json) => this.calls.received(json),
      onUnsubscribed: (topic) => this.calls.onUnsubscribed(topic),
      // A flushed() may be pending in any tab.
      isAwaited: () => session.sent.last >= session.sent.first,
    }
  }

  #received(message: SessionMessage): void {
    if (!this.#shown.isClosedHere) this.#port.client.events.onMessage(message, this.#shown.transport)
  }

  /** Sets whether the leader takes messages. */
  setUp(isUp: boolean): void {
    this.isUp = isUp
    this.mailbox.repost()
    if (isUp) this.handOverSoon()
    this.calls.unsubscribe()
  }

  /** Hands over all messages of one task at once. */
  handOverSoon(): void {
    if (this.#isToHandOver) return
    this.#isToHandOver = true
    Promise.resolve()
      .then(() => {
        this.#isToHandOver = false
        this.handOver()
      })
      .catch((error) => this.#port.client.host.report(error))
  }

  handOver(): void {
    this.mailbox.expire(this.#port.client.host.now())
    this.#port.room.arm()
    if (!this.isUp || !this.#port.room.knows || this.#shown.isReopening) return
    // Before the calls that subscribe.
    this.calls.postUses()
    const { skip, messages } = this.mailbox.toPost(this.replica.session.opened?.maxMessageBytes ?? Infinity)
    if (!messages.length) return
    const seq = this.mailbox.count + 1 + skip
    if (this.#port.room.isLeading) this.#numbering.assign(this.#port.room.me, seq, messages)
    else this.#port.room.post({ type: 'post', seq, messages })
  }

  /** Handles a message of any tab. */
  heard(message: TabMessage): void {
    const { me, isLeading, knows } = this.#port.room
    const isMine = message.from === me
    switch (message.type) {
      case 'join':
        if (isMine) this.#early.clear()
        else if (isLeading) this.#sync(message.as, message.isBack ? this.replica.past : null)
        break
      case 'post':
        if (isLeading && this.isUp) this.#numbering.assign(message.from, message.seq, message.messages)
        break
      case 'want':
        if (isLeading) this.#port.connect(message.what)
        break
      case 'sync':
        if (message.to === this.#port.room.address && !knows) this.#learn(message)
        else if (message.to === null && isMine) this.#numbering.renewed()
        else if (message.to === null && knows) this.#renew(message.shared)
        else if (message.to === null) this.#early.revoke(message)
        break
      case 'up':
      case 'down':
        if (!isMine && knows) this.setUp(message.type === 'up')
        break
      default:
        if (knows) this.#obey(message, isMine)
        else this.#early.add(message)
    }
  }

  #obey(message: TabMessage, isMine: boolean): void {
    switch (message.type) {
      case 'assigned':
        this.#numbering.assigned(message)
        break
      case 'uses':
        this.calls.used(message)
        break
      case 'frame':
        if (isMine && this.#port.room.isLeading) this.replica.receivedBack()
        // Also what this tab posted before it stepped down, which its copy no longer has.
        else this.replica.apply(message.frame, message.place)
        break
      case 'lost':
        this.replica.withdraw(message.numbers)
        this.mailbox.withdrawn(new Set(message.numbers), message.report)
        break
      case 'event':
        if (!isMine) this.#shown.relay(message.event, message.state)
        break
    }
  }

  /** Adopts the state at the time of this tab's `join`, and then applies what the leader has posted since. */
  #learn(leader: Extract<TabMessage, { readonly type: 'sync' }>): void {
    this.#adopt(leader.shared, leader.past)
    for (const each of this.#early.take(leader)) this.#obey(each, false)
  }

  /** Sends the whole state to one tab, or to all others (`null`). */
  #sync(to: string | null, past: Past | null): void {
    const { replica, isUp } = this
    const { origins, assigned } = replica.roll
    const { shared: state, open } = this.#shown
    const session = { session: replica.snapshot(), opened: replica.session.opened, origins, assigned }
    const shared = { ...session, ...this.calls.snapshot, state, open, isUp }
    this.#port.room.postAsLeader({ type: 'sync', to, shared, past })
  }

  /** The leader has begun a new session. */
  #renew(shared: Shared): void {
    this.replica.adopt(shared, null, [])
    this.#shown.isOther = true
    this.#numbering.adopt(shared.session.first)
    this.calls.revoked(shared.uses)
    this.setUp(shared.isUp)
  }

  /** Adopts the state of the leader; `past`: the leader's, for a tab that comes back. */
  #adopt(shared: Shared, past: Past | null): void {
    const { session, state, open } = shared
    const { life } = this.replica
    const wasSame = session.id === this.replica.session.id
    const missed = this.replica.adopt(shared, past, this.calls.topics())
    this.#shown.isOther ||= life !== this.replica.life
    if (!wasSame) this.mailbox.forgotten()
    this.#numbering.adopt(session.first)
    this.calls.adopt(shared)
    this.#port.room.step({ type: 'learned' })
    for (const gap of missed.gaps) this.#port.client.port.onGap(gap)
    if (this.#shown.joined(state, open)) this.#port.room.post({ type: 'want', what: 'connect' })
    // Those of another session come after its `open`, or not at all: `resumed: false` reports it.
    for (const message of this.#shown.isOther ? [] : missed.messages) this.#received(message)
    for (const topic of missed.ended) this.calls.onUnsubscribed(topic, true)
    this.setUp(shared.isUp)
  }

  #lost(origins: readonly Origin[], report: Report): void {
    const numbers = origins.flatMap((origin) => this.replica.roll.numberOf(origin) ?? [])
    this.#port.room.postAsLeader({ type: 'lost', numbers, report })
  }

  /** Begins another session, since no tab knows the present one. */
  beginAnew(): void {
    this.mailbox.forgotten()
    this.#port.begin()
    this.replica.empty()
  }

  /** This tab leads from now on. */
  lead(term: number): void {
    this.#early.clear()
    // This tab's own connection does not take messages yet.
    this.setUp(false)
    this.#numbering.lead()
    this.replica.lead(term, {
      read: (frame, place) => this.#port.room.postAsLeader({ type: 'frame', frame, place }),
      begun: () => {
        this.#numbering.renewing()
        this.#sync(null, null)
      },
    })
    this.calls.lead()
    if (this.#shown.leads()) this.#port.connect('connect')
  }

  /** Another tab leads from now on, or this one under another term. */
  followed(): void {
    this.setUp(false)
    if (!this.#port.room.isLeading) this.calls.follow()
  }
}
