import type { Host } from '../api/host.ts'
import type { Unsent } from '../api/message-sender.ts'
import type { ClientConnection } from '../api/sharing.ts'
import { lastWriteMs, lookAgainMs } from '../sending/final-flush.ts'
import type { FlushWaiters } from '../sending/flush-waiters.ts'
import { within } from '../util/within.ts'
import type { Room } from './room.ts'
import type { TabPart } from './tab-part.ts'

/** How long the last tab waits to become the leader before it ends, in milliseconds. */
const successionMs = 2000

export interface TabClosingPort<Out> {
  readonly host: Host
  readonly room: Room
  readonly part: TabPart<Out>
  /** This tab's own connection, used while it leads. */
  own(): ClientConnection
  isPageLeaving(): boolean
  /** The tab has left the others; `wanted`: what the application has asked for meanwhile. */
  left(wanted: 'connect' | 'reconnect' | null): void
}

/** The `close()` of one tab: it takes leave of the others, or ends the session if it is the last. */
export class TabClosing<Out> {
  /** This tab is the last and ends the session; a tab that joins now begins another. */
  isEnding = false
  readonly #port: TabClosingPort<Out>
  #closing: Promise<Unsent<Out>> | null = null
  /** What the application has asked for since, which comes afterwards. */
  #wanted: 'connect' | 'reconnect' | null = null
  /** The messages that were queued when it did. */
  #queued: readonly Out[] = []
  /** The `flushed()` calls that were pending at each `close()`. */
  #waiters: FlushWaiters[] = []

  constructor(port: TabClosingPort<Out>) {
    this.#port = port
  }

  get isUnderWay(): boolean {
    return this.#closing !== null
  }

  /** The client is to be opened again afterwards; `isNews`: it was closed until now. */
  reopen(what: 'connect' | 'reconnect', isNews: boolean): void {
    if (isNews) this.#takeQueued()
    this.#wanted = what
  }

  /** @param close closes the client, which raises its events */
  close(close: () => void, code: number | undefined, reason: string): Promise<Unsent<Out>> {
    const { part, isPageLeaving } = this.#port
    // Messages that were sent after a `connect()` in between belong to no connection.
    if (this.#wanted) this.#takeQueued()
    this.#wanted = null
    part.mailbox.loseCalls(true)
    this.#waiters.push(part.mailbox.takeWaiters())
    part.handOver()
    // Under way before the events, whose listeners may open the client again.
    this.#closing ??= this.#end(part.isUp && !isPageLeaving(), code, reason)
    const closing = this.#closing
    close()
    return closing
  }

  /** @param isHeard whether the messages handed over are acknowledged now, for which they have 5 s */
  async #end(isHeard: boolean, code: number | undefined, reason: string): Promise<Unsent<Out>> {
    const { host, room, part, own } = this.#port
    if (isHeard) await within(part.mailbox.settled(), lastWriteMs, host, () => {})
    await this.#succeeded()
    this.isEnding = room.isLeading && (await room.locks.isAlone())
    part.calls.follow()
    room.leave()
    if (this.isEnding) await part.inner.finish((settled) => own().close(code, reason, settled), code, reason)
    else part.replica.session.journal?.adopted()
    this.isEnding = false
    return this.#ended(part.mailbox.takePosted())
  }

  #ended(unconfirmed: readonly Out[]): Unsent<Out> {
    const wanted = this.#wanted
    if (!wanted) this.#takeQueued()
    const unsent = this.#queued
    for (const waiters of this.#waiters.splice(0)) {
      if (unsent.length || unconfirmed.length) waiters.refuse()
      else waiters.settle(Infinity)
    }
    this.#closing = this.#wanted = null
    this.#queued = []
    this.#port.left(wanted)
    return { unsent, unconfirmed }
  }

  /** Waits until this tab leads: if the leader was closed a moment ago, the last tab must lead before it can end the session. */
  async #succeeded(): Promise<void> {
    const { host, room, part, own, isPageLeaving } = this.#port
    const until = host.now() + successionMs
    /** The goodbye can also be sent without a connection, but not during a connect, which it would abort. */
    const isReady = () => room.isLeading && (part.isUp || own().state.status !== 'connecting')
    const isToWait = () => room.isIn && !isPageLeaving() && !isReady() && host.now() < until
    if (isReady() || !(await room.locks.isAlone())) return
    while (isToWait()) await new Promise<void>((resolve) => host.after(lookAgainMs, resolve))
  }

  #takeQueued(): void {
    this.#queued = [...this.#queued, ...this.#port.part.mailbox.takeQueued()]
  }
}
