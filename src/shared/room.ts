import type { Host } from '../api/host.ts'
import type { TabChannel, TabHost } from '../api/tab-host.ts'
import { DeadlineTimer } from '../connection/deadline-timer.ts'
import { base64url } from '../wire/base64.ts'
import { type LeadershipCommand, type LeadershipInput, leadershipAfter, leadershipDueAt, outside } from './leadership.ts'
import { isOfLeader, type LeaderMessage, type TabMessage } from './messages.ts'
import { TabLocks } from './tab-locks.ts'

/** A term starts at the seconds since 2020, so that a tab that knows no former term exceeds them all. */
const termsSinceMs = 1_577_836_800_000

type Without<Message, Name extends PropertyKey> = Message extends unknown ? Omit<Message, Name> : never
/** A message of any tab, without its sender. */
export type TabPayload = Without<Exclude<TabMessage, LeaderMessage>, 'from'>
/** A message of the leader, without its sender and term. */
export type LeaderPayload = Without<LeaderMessage, 'from' | 'term'>

export interface RoomPort {
  readonly host: Host
  readonly tabs: TabHost
  /** The name shared by the tabs of one connection. */
  name(): string
  /** Begins a new session: this tab is about to lead, and neither it nor another tab knows the present one. */
  beginAnew(): void
  /** The session that this tab would lead, or follows. */
  sessionId(): string
  /** This tab leads from now on. */
  lead(term: number): void
  /** This tab no longer leads. */
  stepDown(): void
  /** Another tab leads from now on. */
  followed(): void
  heard(message: TabMessage): void
  /** When `due` is to be called next. */
  dueAt(): number
  due(now: number): void
}

/** The tabs that share a connection, as one of them sees them: the leadership, and the messages between them. */
export class Room {
  readonly locks: TabLocks
  readonly #port: RoomPort
  readonly #timer: DeadlineTimer
  #state = outside
  #me = ''
  #name = ''
  /** How many `join`s this tab has posted. */
  #joins = 0
  #channel: TabChannel | null = null
  #unlock: (() => void) | null = null
  #timerDueAt = Infinity
  /** Whether the tab has ever known a session under its present name. */
  #hasKnown = false
  /** The term under which this tab led when it left; 0 if another did, or if this tab joins under a new name. */
  #leftTerm = 0

  constructor(port: RoomPort) {
    this.#port = port
    this.locks = new TabLocks(port.host, port.tabs)
    this.#timer = new DeadlineTimer(port.host, () => this.#onTimer())
  }

  /** The name for the answer to this tab's last `join`: an answer to one before lacks what this tab has dropped since. */
  get address(): string {
    return `${this.#me} ${this.#joins}`
  }

  get me(): string {
    return this.#me
  }

  get isIn(): boolean {
    return this.#state.role !== 'out'
  }

  get isLeading(): boolean {
    return this.#state.role === 'leading'
  }

  get knows(): boolean {
    return this.#state.knows
  }

  /** The tab is to join under another name, and without the session that it knew. */
  forget(): void {
    this.#me = ''
    this.#leftTerm = 0
    this.#hasKnown = false
  }

  join(): void {
    const { host, tabs, name } = this.#port
    if (this.isIn) return
    this.#me ||= base64url(host.randomBytes(12))
    this.#name = name()
    this.#channel = tabs.channel(this.#name, (message) => this.#hear(message as TabMessage))
    this.locks.join(this.#name, this.#me)
    this.step({ type: 'joined' })
  }

  leave(): void {
    if (!this.isIn) return
    this.#leftTerm = this.isLeading ? this.#state.term : 0
    this.step({ type: 'left' })
    this.locks.leave()
    this.#channel?.close()
    this.#channel = null
  }

  post(message: TabPayload): void {
    this.#send({ ...message, from: this.#me } as TabMessage)
  }

  /** Posts a message of the leader; does nothing in any other tab. */
  postAsLeader(message: LeaderPayload): void {
    if (this.isLeading) this.#send({ ...message, from: this.#me, term: this.#state.term } as LeaderMessage)
  }

  step(input: LeadershipInput): void {
    const { state, commands } = leadershipAfter(this.#state, input, this.#port.host.now(), this.#me)
    const { leader, term, knows } = this.#state
    this.#hasKnown ||= knows
    this.#state = state
    if (state.leader !== null && (state.leader !== leader || state.term !== term)) this.#port.followed()
    for (const command of commands) this.#run(command)
    this.arm()
  }

  arm(): void {
    const { host, dueAt } = this.#port
    this.#timerDueAt = Math.min(leadershipDueAt(this.#state, host.isHidden()), dueAt())
    this.#timer.arm(this.isIn ? this.#timerDueAt : Infinity)
  }

  #onTimer(): void {
    const now = this.#port.host.now()
    this.#port.due(now)
    this.step({ type: 'tick', dueAt: this.#timerDueAt })
  }

  #run(command: LeadershipCommand): void {
    const port = this.#port
    switch (command) {
      case 'wait':
      case 'steal':
        this.#lock(command === 'steal')
        break
      case 'release':
        this.#unlock?.()
        this.#unlock = null
        break
      case 'begin':
        // If no other tab has led since this one left, its copy of the session is current.
        if (!this.#leftTerm || port.host.recall(this.#name) !== String(this.#leftTerm)) port.beginAnew()
        break
      case 'claim': {
        const known = Math.max(this.#state.term, Number(port.host.recall(this.#name)) || 0)
        const term = Math.max(known + 1, Math.floor((port.host.now() - termsSinceMs) / 1000))
        port.host.remember(this.#name, String(term))
        this.post({ type: 'claim', term, session: port.sessionId() })
        break
      }
      case 'lead':
        port.lead(this.#state.term)
        break
      case 'step-down':
        port.stepDown()
        break
      case 'join':
        this.#joins += 1
        this.post({ type: 'join', as: this.address, isBack: this.#hasKnown })
        break
      case 'who':
      case 'ask':
        this.post({ type: command })
        break
      default:
        command satisfies never
    }
  }

  #lock(isStealing: boolean): void {
    this.#unlock?.()
    let isOver = false
    const release = this.#port.tabs.lock(this.#name, isStealing, {
      granted: () => {
        if (!isOver) this.#granted(() => isOver)
      },
      lost: () => {
        if (!isOver) this.step({ type: 'lost' })
      },
    })
    this.#unlock = () => {
      isOver = true
      release()
    }
  }

  #granted(isOver: () => boolean): void {
    const granted = (isAlone: boolean) => {
      if (!isOver()) this.step({ type: 'granted', isAlone })
    }
    if (this.knows) granted(true)
    else this.locks.isAlone().then(granted, this.#port.host.report)
  }

  #hear(message: TabMessage): void {
    const { host, heard, sessionId } = this.#port
    const { from, type } = message
    const isMine = from === this.#me
    try {
      if (type === 'claim') {
        const { term } = this.#state
        this.step({ type: 'claimed', term: message.term, tab: from })
        if (this.#state.term > term && !isMine && this.knows && message.session !== sessionId()) this.step({ type: 'forgot' })
      } else if (type === 'who') {
        if (isMine || !this.knows) return
        this.post({ type: 'here' })
        this.step({ type: 'sought' })
      } else if (type === 'here') {
        if (!isMine) this.step({ type: 'known' })
      } else if (type === 'ask') this.postAsLeader({ type: 'beat' })
      else if (!isOfLeader(message)) heard(message)
      else if (this.#holds(message)) {
        if (!isMine) this.step({ type: 'heard' })
        heard(message)
      } else if (!this.knows && (type !== 'sync' || message.to === null)) heard(message)
    } catch (error) {
      host.report(error)
    }
  }

  /** Whether the message is from this tab's leader. A `sync` for this stay of the tab makes its sender the leader. */
  #holds(message: Extract<TabMessage, LeaderMessage>): boolean {
    const { from, term } = message
    if (message.type === 'sync' && message.to === this.address && term > this.#state.term)
      this.step({ type: 'synced', term, tab: from })
    return term === this.#state.term && from === this.#state.leader
  }

  #send(message: TabMessage): void {
    try {
      this.#channel?.post(message)
    } catch {
      // An event holds something that cannot be structured-cloned: only what JSON can express is posted.
      this.#channel?.post(JSON.parse(JSON.stringify(message)))
    }
  }
}
