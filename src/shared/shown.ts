import type { ClientState, EventDetails } from '../api/events.ts'
import type { ConnectionEvents } from '../api/sharing.ts'
import type { MirroredEvent, MirroredType } from './messages.ts'

/** What a tab's application sees of the connection that the tabs share. */
export class Shown {
  readonly #events: ConnectionEvents
  /** The shared connection, whether this tab still has a part in it or not. */
  #shared: ClientState = Object.freeze({ status: 'idle' })
  /** The application has closed this tab's client, while the others go on: as it sees that. */
  #closed: ClientState | null = null
  #open: EventDetails['open'] | null = null
  /** The session is another one than the application was told of: the next `open` says so. */
  isOther = true

  constructor(events: ConnectionEvents) {
    this.#events = events
  }

  get state(): ClientState {
    return this.#closed ?? this.#shared
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

  /** What carries the connection; '' where nothing does. */
  get transport(): string {
    return this.#shared.status === 'open' ? this.#shared.transport : ''
  }

  /** The leader's connection tells something. */
  relay(event: MirroredEvent): void {
    const { type, details } = event
    if (type === 'state') this.show(details.state)
    else if (type === 'open') this.opened(details)
    else if (!this.#closed) this.#events.raise<MirroredType>(type, details)
  }

  /** `restored` is of this page alone, which goes on with the session of the one before it. */
  opened({ restored, ...details }: EventDetails['open']): void {
    const resumed = details.resumed && (!this.isOther || restored !== undefined)
    this.#open = details
    this.isOther = false
    if (!this.#closed) this.#events.raise('open', { ...details, resumed, ...(restored && { restored }) })
  }

  show(state: ClientState): void {
    const previous = this.#shared
    if (JSON.stringify(state) === JSON.stringify(previous)) return
    this.#shared = state
    if (!this.#closed) this.#events.raise('state', { state, previous })
  }

  /** The application closes this tab's client. */
  close(code: number, reason: string): void {
    const previous = this.state
    if (previous.status === 'closed') return
    const end = { code, reason, diagnosis: null }
    this.#closed = Object.freeze({ status: 'closed', ...end })
    this.#events.raise('close', { ...end, wasClean: previous.status === 'open', retry: null, final: true })
    this.#events.raise('state', { state: this.#closed, previous })
  }

  /** It opens it again; returns whether it had closed it. */
  reopen(): boolean {
    if (!this.#closed) return false
    this.#closed = null
    this.#shared = Object.freeze({ status: 'idle' })
    this.isOther = true
    return true
  }
}
