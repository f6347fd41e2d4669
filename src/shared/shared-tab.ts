import type { ClientState, EventDetails } from '../api/events.ts'
import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { MessageSender, Unsent } from '../api/message-sender.ts'
import type { Mode } from '../api/mode.ts'
import type { ClientConnection, SharingClient, Wired } from '../api/sharing.ts'
import type { TabHost } from '../api/tab-host.ts'
import { lastWriteMs } from '../sending/final-flush.ts'
import type { SessionMode } from '../session/session-mode.ts'
import type { SessionSender } from '../session/session-sender.ts'
import { Mailbox } from './mailbox.ts'
import type { MirroredEvent, MirroredType, Origin, Shared, TabMessage } from './messages.ts'
import { Replica } from './replica.ts'
import { Room } from './room.ts'

const unbounded = { maxMessages: Infinity, maxBytes: Infinity, overflow: 'reject' } as const

export function isSession(mode: Mode): mode is SessionMode {
  return 'session' in mode
}

/** A client's connection, where the tabs of a browser share one: it is this tab's own while it leads, and a copy of the leader's otherwise. */
export class SharedTab<Out> implements ClientConnection {
  readonly #client: SharingClient<Out>
  readonly #mode: SessionMode
  readonly #room: Room
  readonly #replica: Replica
  readonly #mailbox: Mailbox<Out>
  readonly #inner: MessageSender<Origin>
  readonly #own: ClientConnection
  /** The connection that the tabs share, whether this tab still has a part in it or not. */
  #shown: ClientState = Object.freeze({ status: 'idle' })
  #open: EventDetails['open'] | null = null
  /** The application has closed this tab's client, while the others go on: as it sees that. */
  #closed: ClientState | null = null
  #isUp = false
  /** How many of this tab's messages have a place, as it has heard. */
  #placed = 0
  /** What leaders have said that this tab could not apply yet. */
  #early: Extract<TabMessage, { readonly type: 'assigned' | 'lost' }>[] = []
  #isToHandOver = false
  /** This tab has come to another session than the one that its application was told of. */
  #isOther = true
  #isFinishing = false
  /** The session ends with this tab, the last one: who comes now begins another. */
  #isEnding = false
  #isPageLeaving = false
  #stopListening: (() => void) | null = null
  /** How this tab's own connection hears of the page. */
  #toOwn: Parameters<Host['listen']>[0] | null = null

  constructor(client: SharingClient<Out>, mode: SessionMode, tabs: TabHost, key: string) {
    const { host, settings, port } = client
    this.#client = client
    this.#mode = mode
    this.#mailbox = new Mailbox({
      ...port,
      limits: settings.outbox,
      ttlMs: settings.outbox.ttlMs,
      onLost: (lost, report) => port.onLost(lost, report),
      onWaiting: () => this.#handOverSoon(),
    })
    const inner = mode.sender<Origin>({
      ...port,
      ...{ limits: unbounded, ttlMs: Infinity },
      onLost: ({ undelivered = [] }, report) => this.#lost(undelivered, report),
      onGap: (gap) => this.#closed || port.onGap(gap),
    })
    this.#inner = inner
    this.#replica = new Replica(mode.session, inner as SessionSender<Origin>, {
      received: (message) => {
        if (!this.#closed) client.events.onMessage(message, this.#shown.status === 'open' ? this.#shown.transport : '')
      },
      settledBelow: (first) => this.#mailbox.settledBelow(first),
    })
    this.#room = new Room({
      ...{ host, tabs },
      name: () => `steadfast ${key} ${settings.url.origin}${settings.url.pathname} ${mode.resends}`,
      sessionId: () => mode.session.id,
      beginAnew: () => this.#beginAnew(),
      lead: (term) => this.#lead(term),
      stepDown: () => this.#stepDown(),
      followed: () => this.#setUp(false),
      heard: (message) => this.#heard(message),
      dueAt: () => this.#mailbox.expiresAt,
      due: (now) => this.#mailbox.expire(now),
    })
    this.#own = client.connection(
      {
        ...senderOf(inner),
        attach: (link) => this.#attached(inner, link),
        detach: () => this.#detached(inner),
      } as MessageSender<unknown>,
      {
        raise: (type, details) => this.#raised({ type, details } as MirroredEvent),
        onMessage: (message, transport) => {
          if (!this.#closed && !this.#replica.hasHad(message.id ?? '')) client.events.onMessage(message, transport)
        },
      },
      // The page's signals are for the connection of the tab that leads.
      Object.assign(Object.create(host), {
        listen: (listener: Parameters<Host['listen']>[0]) => {
          this.#toOwn = listener
          return () => {
            this.#toOwn = null
          }
        },
      }),
    )
  }

  get wired(): Wired<Out> {
    const sender: MessageSender<Out> = {
      send: (value, data) => this.#mailbox.send(value, data),
      flushed: () => this.#mailbox.flushed(),
      giveUp: () => this.#isFinishing || this.#mailbox.refuseWaiters(),
      finish: (close, code, reason) => this.#finish(close, code, reason),
      attach() {},
      detach: () => [],
      dueAt: () => Infinity,
      pump() {},
    }
    return { sender, connection: this }
  }

  get state(): ClientState {
    return this.#closed ?? this.#shown
  }

  get isClosed(): boolean {
    return this.state.status === 'closed'
  }

  connect(): void {
    this.#want('connect')
  }

  reconnect(): void {
    this.#want('reconnect')
  }

  close(code = 1000, reason = ''): void {
    const { raise } = this.#client.events
    const previous = this.state
    if (previous.status === 'closed') return
    const end = { code, reason, diagnosis: null }
    this.#closed = Object.freeze({ status: 'closed', ...end })
    raise('close', { ...end, wasClean: previous.status === 'open', retry: null, final: true })
    raise('state', { state: this.#closed, previous })
  }

  /** What this tab does not read must not keep the others from reading. */
  hold(): void {}

  #want(what: 'connect' | 'reconnect'): void {
    const isNew = this.#closed !== null
    this.#isOther ||= isNew
    if (isNew) this.#shown = Object.freeze({ status: 'idle' })
    this.#closed = null
    if (this.#room.isIn) {
      if (this.#room.isLeading) this.#connectOwn(what)
      else this.#room.say({ type: 'want', what })
      return
    }
    this.#stopListening ??= this.#client.host.listen((signal) => {
      if (this.#room.isLeading) this.#toOwn?.(signal)
      this.#onPage(signal.type)
    })
    const { status } = this.#shown
    if (status === 'idle' || status === 'closed') this.#show({ status: 'connecting', attempt: 0, transports: [] })
    if (isNew) this.#placed = 0
    this.#room.join(isNew)
  }

  #connectOwn(what: 'connect' | 'reconnect'): void {
    const { session } = this.#mode
    const hasEnded = this.#shown.status === 'closed'
    session.isKept = !hasEnded
    // It ended under another leader, whose connection would have begun another one.
    if (hasEnded && this.#own.state.status !== 'closed') this.#mode.begin()
    this.#own[what]()
  }

  #beginAnew(): void {
    this.#mailbox.forgotten()
    this.#placed = 0
    this.#mode.session.isKept = false
    this.#mode.begin()
    this.#replica.empty()
  }

  #lead(term: number): void {
    this.#early = []
    this.#placed = this.#replica.roll.of(this.#room.me)
    this.#replica.lead(term, {
      read: (frame, told) => this.#room.tell({ type: 'frame', frame, told }),
      begun: () => this.#room.tell({ type: 'sync', to: null, shared: this.#shared() }),
    })
    if (this.#shown.status !== 'closed') this.#connectOwn('connect')
  }

  #stepDown(): void {
    this.#replica.follow()
    this.#own.hold(true)
  }

  #attached(inner: MessageSender<Origin>, link: Parameters<MessageSender<Origin>['attach']>[0]): void {
    inner.attach(link)
    this.#room.tell({ type: 'up' })
    this.#setUp(true)
  }

  #detached(inner: MessageSender<Origin>): readonly Origin[] {
    this.#room.tell({ type: 'down' })
    this.#setUp(false)
    return inner.detach()
  }

  #setUp(isUp: boolean): void {
    this.#isUp = isUp
    this.#mailbox.giveAgain()
    if (isUp) this.#handOverSoon()
  }

  /** All that is sent in one task is handed over at once. */
  #handOverSoon(): void {
    if (this.#isToHandOver) return
    this.#isToHandOver = true
    Promise.resolve()
      .then(() => {
        this.#isToHandOver = false
        this.#handOver()
      })
      .catch((error) => this.#client.host.report(error))
  }

  #handOver(): void {
    this.#mailbox.expire(this.#client.host.now())
    this.#room.arm()
    if (!this.#isUp || !this.#room.knows) return
    const { session, roll } = this.#replica
    const { skip, messages } = this.#mailbox.give(session.opened?.maxMessageBytes ?? Infinity)
    if (!messages.length) return
    const seq = this.#placed + 1 + skip
    if (this.#room.isLeading) this.#room.tell({ type: 'assigned', messages: roll.assign(this.#room.me, seq, messages) })
    else this.#room.say({ type: 'post', seq, messages })
  }

  #heard(message: TabMessage): void {
    const { me, isLeading, knows } = this.#room
    const isMine = message.from === me
    switch (message.type) {
      case 'join':
        if (isLeading && !isMine && !this.#isEnding) this.#room.tell({ type: 'sync', to: message.as, shared: this.#shared() })
        break
      case 'post': {
        const messages =
          isLeading && this.#isUp && !this.#isEnding ? this.#replica.roll.assign(message.from, message.seq, message.messages) : []
        if (messages.length) this.#room.tell({ type: 'assigned', messages })
        break
      }
      case 'want':
        if (isLeading) this.#connectOwn(message.what)
        break
      case 'sync':
        if (message.to === this.#room.address && !knows) this.#learn(message)
        else if (message.to === null && !isMine && knows) this.#adopt(message.shared, true)
        break
      case 'up':
      case 'down':
        if (!isMine && knows) this.#setUp(message.type === 'up')
        break
      default:
        if (knows) this.#obey(message, isMine)
        else if (message.type === 'assigned' || message.type === 'lost') this.#early.push(message)
    }
  }

  #obey(message: TabMessage, isMine: boolean): void {
    switch (message.type) {
      case 'assigned':
        for (const each of message.messages) {
          if (!this.#replica.keep(each) || each.tab !== this.#room.me) continue
          this.#placed = each.seq
          this.#mailbox.placed(each.n)
        }
        if (this.#room.isLeading) this.#replica.pump()
        break
      case 'frame':
        if (isMine) this.#replica.heardAgain()
        else this.#replica.apply(message.frame, message.told)
        break
      case 'lost':
        this.#replica.withdraw(message.numbers)
        this.#mailbox.withdrawn(new Set(message.numbers), message.report)
        break
      case 'event':
        if (!isMine) this.#relay(message.event)
        break
    }
  }

  /** This tab is told how the session stood when its `join` was heard: what the leader has said since comes on top. */
  #learn({ shared, from, term }: Extract<TabMessage, { readonly type: 'sync' }>): void {
    this.#adopt(shared, false)
    for (const each of this.#early.splice(0)) if (each.from === from && each.term === term) this.#obey(each, false)
  }

  #shared(): Shared {
    const { session, roll } = this.#replica
    const { origins, assigned } = roll
    return {
      ...{ session: this.#replica.snapshot(), opened: session.opened, origins, assigned },
      ...{ state: this.#shown, open: this.#open, isUp: this.#isUp },
    }
  }

  #adopt({ session, opened, origins, assigned, state, open, isUp }: Shared, isBegun: boolean): void {
    const { me } = this.#room
    const { roll } = this.#replica
    const wasSame = session.id === this.#replica.session.id
    const missed = this.#replica.adopt(session, opened, origins, assigned)
    this.#isOther ||= !wasSame
    if (!wasSame && !isBegun) {
      this.#mailbox.forgotten()
      this.#placed = 0
    }
    while (this.#placed < roll.of(me)) {
      this.#placed += 1
      this.#mailbox.placed(roll.numberOf({ tab: me, seq: this.#placed }))
    }
    this.#mailbox.settledBelow(session.first)
    this.#room.step({ type: 'learned' })
    for (const gap of missed) this.#client.port.onGap(gap)
    if (!isBegun) {
      this.#show(state)
      if (open && state.status === 'open') this.#relay({ type: 'open', details: { ...open, resumed: true } })
    }
    this.#setUp(isUp)
  }

  #lost(origins: readonly Origin[], report: Report): void {
    const numbers = origins.flatMap((origin) => this.#replica.roll.numberOf(origin) ?? [])
    this.#room.tell({ type: 'lost', numbers, report })
  }

  #raised(event: MirroredEvent): void {
    if (!this.#room.isLeading || this.#isEnding) return
    this.#room.tell({ type: 'event', event })
    this.#relay(event)
  }

  #relay(event: MirroredEvent): void {
    if (event.type === 'state') this.#show(event.details.state)
    else if (event.type === 'open') this.#opened(event.details)
    else if (!this.#closed) this.#client.events.raise<MirroredType>(event.type, event.details)
  }

  #opened(details: EventDetails['open']): void {
    const resumed = details.resumed && !this.#isOther
    this.#open = details
    this.#isOther = false
    if (!this.#closed) this.#client.events.raise('open', { ...details, resumed })
  }

  #show(state: ClientState): void {
    const previous = this.#shown
    if (JSON.stringify(state) === JSON.stringify(previous)) return
    this.#shown = state
    if (!this.#closed) this.#client.events.raise('state', { state, previous })
  }

  #onPage(type: Parameters<Parameters<Host['listen']>[0]>[0]['type']): void {
    this.#isPageLeaving = type === 'leaving' || type === 'pagehide' || (this.#isPageLeaving && type === 'hidden')
    // In the back/forward cache a page must hold no lock, and hears nothing.
    if (type === 'pagehide') this.#room.leave()
    else if (type === 'pageshow' && !this.#closed) this.#room.join(false)
    else if (type === 'freeze') this.#room.step({ type: 'froze' })
    else if (type === 'resume') this.#room.step({ type: 'thawed' })
  }

  /** This tab's part ends; the last one ends the session. What is handed over already is given 5 s. */
  async #finish(close: () => void, code: number | undefined, reason: string): Promise<Unsent<Out>> {
    const { host } = this.#client
    this.#isFinishing = true
    const isHeard = this.#isUp && !this.#isPageLeaving
    close()
    if (isHeard && !this.#mailbox.isEmpty) {
      await new Promise<void>((resolve) => {
        const cancel = host.after(lastWriteMs, resolve)
        const done = () => {
          cancel()
          resolve()
        }
        this.#mailbox.flushed().then(done, done)
      })
    }
    this.#isEnding = this.#room.isLeading && (await this.#room.isAlone())
    if (this.#isEnding) await this.#inner.finish((settled) => this.#own.close(code, reason, settled), code, reason)
    if (this.#closed) {
      this.#room.leave()
      this.#stopListening?.()
      this.#stopListening = null
    }
    this.#isFinishing = this.#isEnding = false
    return this.#mailbox.drain()
  }
}

/** What sends, as an object whose members can be replaced. */
function senderOf<Out>(inner: MessageSender<Out>): MessageSender<Out> {
  return {
    send: (value, data) => inner.send(value, data),
    attach: (link) => inner.attach(link),
    detach: () => inner.detach(),
    dueAt: () => inner.dueAt(),
    pump: () => inner.pump(),
    flushed: () => inner.flushed(),
    giveUp: () => inner.giveUp(),
    finish: (close, code, reason) => inner.finish(close, code, reason),
    begin: () => inner.begin?.(),
    tooLarge: () => inner.tooLarge?.(),
  }
}
