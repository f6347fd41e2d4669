import type { Ending, SessionRecord } from '../store/ports.ts'
import { isThenable } from '../util/thenable.ts'
import { callHandler } from './call-handler.ts'
import { Forwarder } from './forwarder.ts'
import type { HandledSession } from './handled-session.ts'
import { HandlerRetries } from './handler-retries.ts'
import { PendingMessages } from './pending-messages.ts'
import type { Claim, Incoming, LeaseWork, PendingHook, Step } from './record.ts'

type MutableLeaseWork = { -readonly [Field in keyof LeaseWork]: LeaseWork[Field] }

/** After this many messages in a row the event loop gets a turn, if the time slice is over. */
const checkSliceEvery = 16

/**
 * The messages of one session on this node, from their arrival until their handler has settled: it runs the application's
 * handlers, one after the other. Most sessions never send anything, so it is made for the first message.
 */
export class HandlerQueue {
  readonly #session: HandledSession
  readonly #pending: PendingMessages
  /** How the session is to end once all pending messages have been taken. */
  wantedEnd: Ending | null = null
  /** Messages that were taken; those from `#next` on are not handled yet. */
  #todo: Incoming[] = []
  #next = 0
  #leaseWork: MutableLeaseWork | null = null
  #isRunning = false
  /** The handler that is next has failed, and runs again. */
  #retries: HandlerRetries | null = null
  /** The name under which this node held the lease of a pinned session. */
  #holder = ''
  /** The session is pinned to this node, and `onEnd` has not run here. */
  #isHome = false
  /** Made where the session is pinned to another node. */
  #forwarder: Forwarder | null = null

  constructor(session: HandledSession) {
    this.#session = session
    this.#pending = new PendingMessages(session)
  }

  get isIdle(): boolean {
    const hasLostHome = this.#isHome && !this.#leaseWork
    return !this.#isRunning && this.#isResting && this.#pending.isEmpty && !this.wantedEnd && !hasLostHome
  }

  /** Whether the session is pinned to this node, as far as the node knows. */
  get isHome(): boolean {
    return this.#isHome
  }

  /** Whether this many more messages may wait, with this many bytes in total. */
  fits(messages: number, bytes: number): boolean {
    return this.#pending.fits(messages, bytes)
  }

  add(message: Incoming): void {
    this.#pending.add(message)
  }

  /** What is to go into a step that begins in this task. Either `apply` or `release` follows. */
  claim(): Claim {
    return { leaseWork: this.#leaseWork, pending: this.#pending.claim(), wantedEnd: this.wantedEnd }
  }

  /** The step was not written, or did not take what was claimed. */
  release(): void {
    this.#pending.release()
  }

  /** A source waits no longer for this many of its messages (`Source.isWithdrawn`). */
  withdrawn(messages: number): void {
    this.#pending.withdrawn(messages)
  }

  /** The session was created on this node: `onSession` runs before any message is taken. */
  begin(taken: number): void {
    this.#leaseWork = { takenThrough: taken, finished: taken, hook: 'begin' }
    this.#isHome = this.#session.record.isPinned === true
    this.#holder = this.#session.record.lease?.node ?? ''
    this.#run()
  }

  /** The session is gone: all its messages are dropped. */
  drop(): void {
    this.#pending.drop()
    this.wantedEnd = null
    this.#forwarder = null
    this.#lose()
    this.#leaveHome(null)
    // The next session under this id may be of another principal.
    this.stop()
  }

  /** Nothing of the session is left on this node. */
  stop(): void {
    this.#pending.leave()
  }

  /** The record has been written as the step says. */
  apply({ accepted, outOfOrder, hook, hasLost, outcome }: Step, record: SessionRecord): void {
    if (hasLost) this.#lose()
    if (hasLost && record.isPinned) this.#session.node.leases.doubt(this.#holder)
    if (record.ended && !this.#session.node.isHolder(record) && !this.#isRunning) this.#leaveHome(record.ended)
    if (outcome === 'elsewhere') this.#forward(record)
    else if (outcome === 'waits') this.release()
    else this.#goOn(accepted, outOfOrder, hook, record)
  }

  #goOn(accepted: Incoming[], outOfOrder: readonly Incoming[], hook: PendingHook, record: SessionRecord): void {
    this.#forwarder = null
    if (record.ended) this.wantedEnd = null
    if (record.lease) {
      this.#holder = record.lease.node
      this.#leaseWork ??= { takenThrough: record.taken, finished: record.done, hook: 'none' }
      this.#leaseWork.takenThrough = record.taken
      this.#leaseWork.hook = hook
      // Also where this node never learned that it had made the session.
      if (record.isPinned && !record.ended) this.#isHome = true
    } else this.#leaseWork = null
    // Where the hook is `end`, `onEnd` runs here.
    if (hook === 'end') this.#isHome = false
    for (const message of accepted) message.redelivered = message.n <= record.redeliveredThrough
    if (this.#todo.length === 0) this.#todo = accepted
    else for (const message of accepted) this.#todo.push(message)
    if (hook === 'begin') this.release()
    else this.#pending.settle(accepted, outOfOrder, record)
    if (!this.#isResting) this.#run()
  }

  /** Nothing is to be run or written; the lease of a pinned session lasts. */
  get #isResting(): boolean {
    const leaseWork = this.#leaseWork
    if (!leaseWork) return true
    const { isPinned, done, ended } = this.#session.record
    return isPinned === true && !ended && leaseWork.hook === 'none' && !this.#todo[this.#next] && done >= leaseWork.takenThrough
  }

  /** The session is pinned to another node, which gets what has come here. */
  #forward(record: SessionRecord): void {
    const { node, id } = this.#session
    const waiting = this.#pending.keepUntaken(record)
    if (record.ended || !record.lease) return
    if (!this.#forwarder?.isFor(record))
      this.#forwarder = new Forwarder(node, id, record, record.lease.node, () => this.#session.progressed())
    // An announcement of the record may have been lost.
    if (this.#forwarder.forward(waiting, this.wantedEnd)) this.#session.refresh()
  }

  /** The session has ended without this node, to which it was pinned and which was taken for dead. */
  #leaveHome(ended: Ending | null): void {
    if (!this.#isHome) return
    this.#isHome = false
    this.#session.endedElsewhere(ended)
  }

  #lose(): void {
    for (const message of this.#todo.slice(this.#next)) this.#pending.forget(message)
    this.#todo = []
    this.#next = 0
    this.#leaseWork = null
    this.#retries = null
  }

  /** Runs what there is to run. The node's tick settles the record of a session that is not idle, which comes here again. */
  #run(): void {
    if (this.#isRunning || this.#retries?.isPausing) return
    this.#isRunning = true
    this.#runOn().catch((error) => this.#session.node.host.report(error))
  }

  async #runOn(): Promise<void> {
    const { node } = this.#session
    const { slices } = node
    let inARow = 0
    for (let leaseWork = this.#leaseWork; leaseWork && !node.isDown; leaseWork = this.#leaseWork) {
      if (!this.#holdsLease()) break
      let waiting: unknown
      const next = this.#todo[this.#next]
      const { hook } = leaseWork
      if (!next && hook !== 'begin' && hook !== 'end') break
      try {
        waiting = callHandler(this.#session, hook, next)
        if (isThenable(waiting)) await waiting
      } catch (error) {
        if (leaseWork !== this.#leaseWork) node.host.report(error)
        else if (this.#runsAgain(error, next)) break
      }
      // Another node may have taken over meanwhile: then the result of this handler does not count.
      if (leaseWork !== this.#leaseWork) continue
      this.#retries = null
      if (leaseWork.hook === 'begin') leaseWork.hook = 'none'
      else if (next) this.#finished(leaseWork, next)
      else leaseWork.hook = 'ended'
      // Progress is written while the next handler runs; after the last one it is written below.
      if (waiting !== undefined && this.#todo[this.#next]) this.#session.progressed()
      inARow += 1
      if (inARow % checkSliceEvery !== 0 || !this.#todo[this.#next] || !slices.isOver()) continue
      if (waiting === undefined) this.#session.progressed()
      await slices.next()
      if (node.isDown) return
    }
    this.#isRunning = false
    this.#session.progressed()
  }

  /** Whether no other node may have taken over: nothing is handled while the store is too late to renew the lease. */
  #holdsLease(): boolean {
    const { node, record } = this.#session
    return node.isHolder(record) && node.heldUntil(record) > node.sessions.now()
  }

  /** The handler that is next has failed. */
  #runsAgain(error: unknown, message: Incoming | undefined): boolean {
    const { node } = this.#session
    this.#retries ??= new HandlerRetries(node)
    const failure = this.#retries.failed(error)
    if (failure) node.host.report(failure.error)
    // It may have done a part of its work.
    else if (message) message.redelivered = true
    return !failure
  }

  #finished(leaseWork: MutableLeaseWork, message: Incoming): void {
    leaseWork.finished = message.n
    this.#pending.forget(message)
    this.#next += 1
    if (this.#next < this.#todo.length) return
    this.#todo = []
    this.#next = 0
  }
}
