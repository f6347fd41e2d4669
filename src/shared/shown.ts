import type { ClientState, EventDetails } from '../api/events.ts'
import type { ConnectionEvents } from '../api/sharing.ts'
import type { MirroredEvent, MirroredType } from './messages.ts'

/** The shared connection as the application of one tab sees it. */
export class Shown {
  readonly #events: ConnectionEvents
  /** The state of the shared connection, whether or not this tab's client is closed. */
  #shared: ClientState = Object.freeze({ status: 'idle' })
  /** The one before an event that is raised before `state`; the same otherwise. */
  #previous = this.#shared
  /** The state of this tab's client if the application has closed it, also if it is about to reopen it; the other tabs go on. */
  #closed: ClientState | null = null
  #open: EventDetails['open'] | null = null
  /** Whether the session is not the one of the last `open`: the next `open` then reports `resumed: false`. */
  isOther = true
  /** The application has got the `close` event of the shared connection, which is closed. */
  #isEndShown = false
  /** The application has called `connect()`, and the shared connection is closed, or this tab does not know its state yet. */
  isWanted = false

  constructor(events: ConnectionEvents) {
    this.#events = events
  }

  get state(): ClientState {
    return this.#closed ?? (this.isWanted ? this.#previous : this.#shared)
  }

  get shared(): ClientState {
    return this.#shared
  }

  /** The last `open` of the shared connection. */
  get open(): EventDetails['open'] | null {
    return this.#open
  }

  get isClosedHere(): boolean {
    return this.#closed !== null
  }

  /** Whether this tab's client is to be reopened as soon as it has been closed. */
  get isReopening(): boolean {
    return this.#closed?.status === 'connecting'
  }

  /** The transport of the open connection; '' if there is none. */
  get transport(): string {
    return this.#shared.status === 'open' ? this.#shared.transport : ''
  }

  /** Raises an event of the leader's connection, in this state of it. */
  relay(event: MirroredEvent, state: ClientState): void {
    const { type, details } = event
    this.#become(state)
    if (type === 'state') this.show(state)
    else if (type === 'open') this.opened(details)
    else {
      if (type === 'close') this.#isEndShown = details.final
      if (!this.#closed) this.#events.raise<MirroredType>(type, details)
    }
  }

  /** `restored` concerns only this page, which continues the session of the page before it. */
  opened({ restored, ...details }: EventDetails['open']): void {
    const resumed = details.resumed && (!this.isOther || restored !== undefined)
    this.#open = details
    this.isOther = false
    if (!this.#closed) this.#events.raise('open', { ...details, resumed, ...(restored && { restored }) })
  }

  /** This tab leads from now on; returns whether the connection is to be opened. */
  leads(): boolean {
    if (this.#shared.status !== 'closed') return true
    // This tab may have been away before it received the `close` event.
    return this.joined(this.#shared, null)
  }

  /** Shows the connection that this tab has joined; returns whether the application wants it to be opened. */
  joined(state: ClientState, open: EventDetails['open'] | null): boolean {
    this.#become(state)
    if (this.isWanted) return true
    if (state.status === 'closed' && !this.#isEndShown) this.#ended(state)
    this.show(state)
    if (open && state.status === 'open') this.opened({ ...open, resumed: true })
    return false
  }

  show(state: ClientState): void {
    const previous = this.#previous
    this.#become(state)
    if (JSON.stringify(state) === JSON.stringify(previous)) return
    this.#previous = this.#shared
    if (!this.#closed) this.#events.raise('state', { state, previous })
  }

  #become(state: ClientState): void {
    this.#shared = Object.freeze(state)
    this.isWanted &&= state.status === 'closed'
    this.#isEndShown &&= state.status === 'closed'
  }

  /** The connection was closed while this tab was away. */
  #ended({ code, reason, diagnosis }: Extract<ClientState, { status: 'closed' }>): void {
    this.#isEndShown = true
    const evidence = diagnosis?.evidence
    const wasClean = evidence?.kind === 'closed' && evidence.wasClean
    if (!this.#closed) this.#events.raise('close', { code, reason, wasClean, diagnosis, retry: null, final: true })
  }

  /** Closes this tab's client; it raises no event if it was closed already, with the others. */
  close(code: number, reason: string): void {
    const previous = this.state
    const end = { code, reason, diagnosis: null }
    const closed: ClientState = previous.status === 'closed' ? previous : Object.freeze({ status: 'closed', ...end })
    this.#closed = closed
    if (closed === previous) return
    this.#events.raise('close', { ...end, wasClean: previous.status === 'open', retry: null, final: true })
    // A listener may have opened it again.
    if (this.#closed === closed) this.#events.raise('state', { state: closed, previous })
  }

  /** Shows that this tab's client is about to be reopened; returns whether it was closed. */
  reopenSoon(): boolean {
    const previous = this.state
    if (previous.status !== 'closed') return false
    this.#closed = Object.freeze({ status: 'connecting', attempt: 0, transports: [] })
    this.#events.raise('state', { state: this.#closed, previous })
    return true
  }

  /** Reopens this tab's client; returns whether it was closed. */
  reopen(): boolean {
    if (!this.#closed) return false
    this.#previous = this.#shared = this.isReopening ? this.#closed : Object.freeze({ status: 'idle' })
    this.#closed = null
    this.isOther = true
    return true
  }
}
