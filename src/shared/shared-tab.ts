import type { ClientState } from '../api/events.ts'
import type { MessageSender } from '../api/message-sender.ts'
import type { Mode } from '../api/mode.ts'
import type { ClientConnection, SharingClient, Wired } from '../api/sharing.ts'
import type { TabHost } from '../api/tab-host.ts'
import type { CallSender } from '../session/call-sender.ts'
import type { SessionMode } from '../session/session-mode.ts'
import { codes } from '../wire/steadfast-v1.ts'
import { type MirroredEvent, tabsVersion } from './messages.ts'
import { ownConnection, type PageListener } from './own-connection.ts'
import { Room } from './room.ts'
import { Shown } from './shown.ts'
import { TabClosing } from './tab-closing.ts'
import { TabPart } from './tab-part.ts'

export function isSession(mode: Mode): mode is SessionMode {
  return 'session' in mode
}

/** A client's connection that tabs share: this tab's own connection while it leads, and a mirror of the leader's otherwise. */
export class SharedTab<Out> implements ClientConnection {
  readonly #client: SharingClient<Out>
  readonly #mode: SessionMode
  readonly #room: Room
  readonly #part: TabPart<Out>
  readonly #own: ClientConnection
  readonly #shown: Shown
  readonly #closing: TabClosing<Out>
  #isPageLeaving = false
  /** The page is in the back/forward cache. */
  #isAway = false
  #stopListening: (() => void) | null = null
  /** The listener of this tab's own connection to page events. */
  #toOwn: PageListener | null = null

  constructor(client: SharingClient<Out>, mode: SessionMode, tabs: TabHost, key: string) {
    const { host, settings } = client
    this.#client = client
    this.#mode = mode
    this.#shown = new Shown(client.events)
    this.#room = new Room({
      host,
      tabs,
      name() {
        const { origin, pathname } = settings.url.get()
        return `steadfast ${tabsVersion} ${key} ${origin}${pathname} ${mode.resends}`
      },
      sessionId: () => mode.session.id,
      beginAnew: () => this.#part.beginAnew(),
      lead: (term) => this.#part.lead(term),
      stepDown: () => this.#stepDown(),
      followed: () => this.#part.followed(),
      heard: (message) => this.#part.heard(message),
      dueAt: () => this.#part.mailbox.expiresAt,
      due: (now) => this.#part.mailbox.expire(now),
    })
    this.#part = new TabPart(mode, {
      client,
      shown: this.#shown,
      room: this.#room,
      connect: (what) => this.#connectOwn(what),
      begin() {
        mode.session.shared.isKept = false
        mode.begin()
      },
    })
    this.#own = ownConnection(client as SharingClient<never>, this.#part.inner, {
      onUp: (isUp) => {
        this.#room.postAsLeader({ type: isUp ? 'up' : 'down' })
        this.#part.setUp(isUp)
      },
      onEvent: (event) => this.#raised(event),
      isNews: (message) => this.#part.replica.took(message) && !this.#shown.isClosedHere,
      onListening: (listener) => {
        this.#toOwn = listener
      },
    })
    this.#closing = new TabClosing({
      host,
      room: this.#room,
      part: this.#part,
      own: () => this.#own,
      isPageLeaving: () => this.#isPageLeaving,
      left: (wanted) => {
        this.#stopListening?.()
        this.#stopListening = null
        if (wanted) this.#want(wanted)
        else this.#isAway = false
      },
    })
  }

  get wired(): Wired<Out> {
    const { mailbox, calls } = this.#part
    const sender: MessageSender<Out> & CallSender<Out> = {
      answers: mailbox.answers,
      onUnsubscribed: null,
      left: () => this.#part.handOverSoon(),
      call: (json, call, bytes) => mailbox.call(json, call, bytes),
      withdrawCall: (entry, abort) => mailbox.withdrawCall(entry, abort),
      send: (value, data) => mailbox.send(value, data),
      flushed: () => mailbox.flushed(),
      giveUp: () => {
        mailbox.loseCalls(false)
        if (this.#closing.isUnderWay) return
        mailbox.takeWaiters().refuse()
        // The calls of all tabs, whose session has ended.
        this.#part.inner.giveUp()
      },
      finish: (...last) => this.#closing.close(...last),
      attach() {},
      detach: () => [],
      dueAt: () => Infinity,
      pump() {},
    }
    calls.onUnsubscribed = (...ended) => sender.onUnsubscribed?.(...ended)
    calls.topics = () => sender.topics?.() ?? []
    return { sender, connection: this }
  }

  get state(): ClientState {
    return this.#shown.state
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
    this.#shown.close(code, reason)
  }

  /** Does nothing: a tab that stops reading must not stop the others. */
  hold(): void {}

  #want(what: 'connect' | 'reconnect'): void {
    if (this.#closing.isUnderWay) {
      this.#closing.reopen(what, this.#shown.reopenSoon())
      return
    }
    const isNew = this.#shown.reopen()
    if (this.#room.isIn) {
      this.#shown.isWanted = this.#shown.shared.status === 'closed'
      if (this.#room.isLeading) this.#connectOwn(what)
      else this.#room.post({ type: 'want', what })
      return
    }
    this.#stopListening ??= this.#client.host.listen((signal) => {
      if (this.#room.isLeading) this.#toOwn?.(signal)
      this.#onPage(signal.type)
    })
    const { status } = this.state
    if (status === 'idle' || status === 'closed') this.#shown.show({ status: 'connecting', attempt: 0, transports: [] })
    if (isNew) {
      this.#part.mailbox.count = 0
      this.#part.replica.empty()
      this.#room.forget()
    }
    this.#shown.isWanted = true
    // A page that is prerendered or away joins when it is shown.
    if (!this.#client.host.isPrerendering() && !this.#isAway) this.#room.join()
  }

  #connectOwn(what: 'connect' | 'reconnect'): void {
    const { session } = this.#mode
    const hasEnded = this.#shown.shared.status === 'closed'
    session.shared.isKept = !hasEnded
    // The session ended under another leader, so this tab's connection has not begun a new one.
    if (hasEnded && this.#own.state.status !== 'closed') this.#mode.begin()
    this.#own[what]()
  }

  #stepDown(): void {
    this.#part.replica.follow()
    this.#part.calls.stepDown()
    if (!this.#closing.isEnding) this.#own.hold(true)
  }

  #raised(event: MirroredEvent): void {
    if (!this.#room.isLeading || isTakenOver(event)) return
    const { state } = this.#own
    this.#room.postAsLeader({ type: 'event', event: ofEveryTab(event), state })
    this.#shown.relay(event, state)
  }

  #onPage(type: Parameters<PageListener>[0]['type']): void {
    this.#isPageLeaving = type === 'leaving' || type === 'pagehide' || (this.#isPageLeaving && type === 'hidden')
    if (type === 'pagehide' || type === 'pageshow') this.#isAway = type === 'pagehide'
    // A page in the back/forward cache must hold no lock, and receives no messages.
    if (type === 'pagehide') this.#room.leave()
    else if ((type === 'pageshow' || type === 'activated') && !this.#shown.isClosedHere) this.#room.join()
    else if (type === 'freeze') this.#room.step({ type: 'froze' })
    else if (type === 'resume') this.#room.step({ type: 'thawed' })
  }
}

/** Whether another tab has connected while this one was frozen, which its client reports as an error. */
function isTakenOver({ type, details }: MirroredEvent): boolean {
  return type === 'error' && details.diagnosis.evidence?.kind === 'closed' && details.diagnosis.evidence.code === codes.moved
}

/** The event without what concerns the leader's page only. */
function ofEveryTab(event: MirroredEvent): MirroredEvent {
  if (event.type !== 'open') return event
  const { restored, ...details } = event.details
  return restored ? { type: 'open', details } : event
}
