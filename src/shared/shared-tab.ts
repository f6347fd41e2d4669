import type { ClientState } from '../api/events.ts'
import type { MessageSender, Unsent } from '../api/message-sender.ts'
import type { Mode } from '../api/mode.ts'
import type { ClientConnection, SharingClient, Wired } from '../api/sharing.ts'
import type { TabHost } from '../api/tab-host.ts'
import { lastWriteMs, lookAgainMs } from '../sending/final-flush.ts'
import type { CallSender } from '../session/call-sender.ts'
import type { SessionMode } from '../session/session-mode.ts'
import { type MirroredEvent, tabsVersion } from './messages.ts'
import { ownConnection, type PageListener } from './own-connection.ts'
import { Room } from './room.ts'
import { Shown } from './shown.ts'
import { TabPart } from './tab-part.ts'

/** How long the last tab waits to become the leader before it ends, in milliseconds. */
const successionMs = 2000

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
  /** The `close()` under way. */
  #closing: Promise<Unsent<Out>> | null = null
  /** What the application asked for during it, which comes after it. */
  #wanted: 'connect' | 'reconnect' | null = null
  /** The messages that were queued when it did. */
  #queued: readonly Out[] = []
  /** This tab was the last and ends the session; a tab that joins now begins another. */
  #isEnding = false
  #isPageLeaving = false
  #stopListening: (() => void) | null = null
  /** The listener of this tab's own connection to page events. */
  #toOwn: PageListener | null = null

  constructor(client: SharingClient<Out>, mode: SessionMode, tabs: TabHost, key: string) {
    const { host, settings } = client
    this.#client = client
    this.#mode = mode
    this.#shown = new Shown(client.events)
    this.#room = new Room({
      ...{ host, tabs },
      name: () => `steadfast ${tabsVersion} ${key} ${settings.url.origin}${settings.url.pathname} ${mode.resends}`,
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
      ...{ client, shown: this.#shown, room: this.#room },
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
  }

  get wired(): Wired<Out> {
    const { mailbox, calls } = this.#part
    const sender: MessageSender<Out> & CallSender<Out> = {
      ...{ answers: mailbox.answers, onUnsubscribed: null, left: () => this.#part.handOverSoon() },
      call: (json, call, bytes) => mailbox.call(json, call, bytes),
      withdrawCall: (entry, abort) => mailbox.withdrawCall(entry, abort),
      send: (value, data) => mailbox.send(value, data),
      flushed: () => mailbox.flushed(),
      giveUp: () => {
        mailbox.loseCalls(false)
        if (!this.#closing) mailbox.refuseWaiters()
      },
      finish: (close, code, reason) => this.#finish(close, code, reason),
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
    if (this.#closing) {
      if (this.#shown.reopenSoon()) this.#queued = [...this.#queued, ...this.#part.mailbox.takeQueued()]
      this.#wanted = what
      return
    }
    const isNew = this.#shown.reopen()
    if (this.#room.isIn) {
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
    }
    // A prerendered page connects when it is shown.
    if (!this.#client.host.isPrerendering()) this.#room.join(isNew)
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
    if (!this.#isEnding) this.#own.hold(true)
  }

  #raised(event: MirroredEvent): void {
    if (!this.#room.isLeading || isTakenOver(event)) return
    this.#room.postAsLeader({ type: 'event', event: ofEveryTab(event) })
    this.#shown.relay(event)
  }

  #onPage(type: Parameters<PageListener>[0]['type']): void {
    this.#isPageLeaving = type === 'leaving' || type === 'pagehide' || (this.#isPageLeaving && type === 'hidden')
    // A page in the back/forward cache must hold no lock, and receives no messages.
    if (type === 'pagehide') this.#room.leave()
    else if ((type === 'pageshow' || type === 'activated') && !this.#shown.isClosedHere) this.#room.join(false)
    else if (type === 'freeze') this.#room.step({ type: 'froze' })
    else if (type === 'resume') this.#room.step({ type: 'thawed' })
  }

  #finish(close: () => void, code: number | undefined, reason: string): Promise<Unsent<Out>> {
    this.#wanted = null
    if (this.#closing) close()
    else this.#closing = this.#end(close, code, reason).then((left) => this.#ended(left))
    return this.#closing
  }

  /** Ends this tab's part; the last tab ends the session. Messages handed over already have 5 s to be acknowledged. */
  async #end(close: () => void, code: number | undefined, reason: string): Promise<readonly Out[]> {
    const { host } = this.#client
    const { mailbox } = this.#part
    mailbox.loseCalls(true)
    const isHeard = this.#part.isUp && !this.#isPageLeaving
    close()
    if (isHeard && !mailbox.isEmpty) {
      await new Promise<void>((resolve) => {
        const cancel = host.after(lastWriteMs, resolve)
        const done = () => {
          cancel()
          resolve()
        }
        mailbox.flushed().then(done, done)
      })
    }
    await this.#succeeded()
    this.#isEnding = this.#room.isLeading && (await this.#room.locks.isAlone())
    this.#part.calls.follow()
    this.#room.leave()
    if (this.#isEnding) await this.#part.inner.finish((settled) => this.#own.close(code, reason, settled), code, reason)
    this.#isEnding = false
    this.#stopListening?.()
    this.#stopListening = null
    return mailbox.takePosted()
  }

  #ended(unconfirmed: readonly Out[]): Unsent<Out> {
    const wanted = this.#wanted
    const unsent = [...this.#queued, ...(wanted ? [] : this.#part.mailbox.takeQueued())]
    if (unsent.length) this.#part.mailbox.refuseWaiters()
    this.#closing = this.#wanted = null
    this.#queued = []
    if (wanted) this.#want(wanted)
    return { unsent, unconfirmed }
  }

  /** Waits until this tab leads: if the leader was closed a moment ago, the last tab must lead before it can end the session. */
  async #succeeded(): Promise<void> {
    const { host } = this.#client
    const until = host.now() + successionMs
    /** The goodbye can also be sent without a connection, but not during a connect, which it would abort. */
    const isReady = () => this.#room.isLeading && (this.#part.isUp || this.#own.state.status !== 'connecting')
    const isToWait = () => this.#room.isIn && !this.#isPageLeaving && !isReady() && host.now() < until
    if (isReady() || !(await this.#room.locks.isAlone())) return
    while (isToWait()) await new Promise<void>((resolve) => host.after(lookAgainMs, resolve))
  }
}

/** Whether another tab has connected while this one was frozen, which its client reports as an error. */
function isTakenOver({ type, details }: MirroredEvent): boolean {
  return type === 'error' && details.diagnosis.evidence?.kind === 'closed' && details.diagnosis.evidence.code === 4409
}

/** The event without what concerns the leader's page only. */
function ofEveryTab(event: MirroredEvent): MirroredEvent {
  if (event.type !== 'open') return event
  const { restored, ...details } = event.details
  return restored ? { type: 'open', details } : event
}
