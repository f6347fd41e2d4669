import { answered, append, callSettled, errorAnswer } from '../calls/answer.ts'
import { RunningRequests } from '../calls/running-requests.ts'
import type { Ending, SessionRecord } from '../store/ports.ts'
import { isThenable } from '../util/thenable.ts'
import { callHandler } from './call-handler.ts'
import type { HandledSession } from './handled-session.ts'
import { HandlerRetries } from './handler-retries.ts'
import { PendingMessages } from './pending-messages.ts'
import { type Claim, type Incoming, laterHook, type MutableLeaseWork, type PendingHook, type Step } from './record.ts'
import { SessionHome } from './session-home.ts'
import { TakenMessages } from './taken-messages.ts'

/** After this many handled messages the queue yields to the event loop, if its time slice is over. */
const checkSliceEvery = 16

/**
 * The messages of one session on this node, from their arrival until their handler has settled: it runs the application's
 * handlers, one after the other. It is created for the first message, since most sessions never send any.
 */
export class HandlerQueue {
  /** The messages that have arrived and are not taken yet. */
  readonly pending: PendingMessages
  readonly #session: HandledSession
  /** How the session ends once all pending messages have been taken. */
  wantedEnd: Ending | null = null
  readonly #taken = new TakenMessages()
  /** The work of this node under the session's lease; `null` while this node does not hold it. */
  #leaseWork: MutableLeaseWork | null = null
  #isRunning = false
  /** Messages handled since the time slice was last checked, over all runs: each answered request may start a new run. */
  #handledSinceCheck = 0
  /** The retries of the current handler, after a failure; `null` without one. */
  #retries: HandlerRetries | null = null
  readonly #home: SessionHome
  /** Created for the first request of the client. */
  #requests: RunningRequests | null = null

  constructor(session: HandledSession) {
    this.#session = session
    this.pending = new PendingMessages(session)
    this.#home = new SessionHome(session)
  }

  get isIdle(): boolean {
    const hasLostHome = this.#home.isHere && !this.#leaseWork
    return !this.#isRunning && !this.#isAnswering && this.#isResting && this.pending.isEmpty && !this.wantedEnd && !hasLostHome
  }

  /** Whether requests of the client are being answered. */
  get #isAnswering(): boolean {
    return this.#requests?.isEmpty === false
  }

  /** Whether the next handler waits for a request: `onEnd` runs last, and the number of concurrent requests is limited. */
  get #isWaiting(): boolean {
    if (!this.#isAnswering || this.#leaseWork?.hook === 'begin') return false
    return this.#taken.next ? this.#requests?.isFull === true : true
  }

  /** Aborts the client's request of this number, if it is here: the client no longer waits for the reply. */
  abort(n: number): void {
    const isPending = this.#taken.has(n) || this.pending.has(n)
    if (isPending || this.#requests) this.#openRequests().abort(n, isPending)
  }

  /** Whether the session is pinned to this node, as far as the node knows. */
  get isHome(): boolean {
    return this.#home.isHere
  }

  /** What goes into a write that begins in this task. The caller then calls either `apply` or `pending.release`. */
  claim(): Claim {
    return { leaseWork: this.#leaseWork, pending: this.pending.claim(), wantedEnd: this.wantedEnd }
  }

  /** The session was created on this node: `onSession` runs before any message is taken. */
  begin(taken: number): void {
    this.#leaseWork = { takenThrough: taken, finished: taken, hook: 'begin' }
    this.#home.begin(this.#session.record)
    this.#run()
  }

  /** The session is gone: drops all its messages, since another one may begin under this id. */
  drop(): void {
    this.pending.drop()
    this.wantedEnd = null
    this.#lose()
    this.#home.leave(null)
    // The next session under this id may be of another principal.
    this.pending.leave()
  }

  /** Continues with the step of a claim, whose `record` is in the store now. */
  apply({ accepted, outOfOrder, hook, hasLost, outcome }: Step, record: SessionRecord): void {
    if (hasLost) this.#lose()
    if (hasLost && record.isPinned) this.#home.lost()
    if (record.ended && !this.#session.node.isHolder(record) && !this.#isRunning) this.#home.leave(record.ended)
    if (outcome === 'elsewhere') this.#home.forward(record, this.pending.keepUntaken(record), this.wantedEnd)
    else if (outcome === 'waits') this.pending.release()
    else this.#goOn(accepted, outOfOrder, hook, record)
  }

  /** This node may take messages: runs the handlers of those that it has taken. */
  #goOn(accepted: Incoming[], outOfOrder: readonly Incoming[], hook: PendingHook, record: SessionRecord): void {
    this.#home.goesOn(record, hook === 'end')
    if (record.ended) {
      this.wantedEnd = null
      this.#requests?.abortAll()
    }
    if (record.lease) {
      this.#leaseWork ??= { takenThrough: record.taken, finished: record.done, hook }
      this.#leaseWork.takenThrough = Math.min(record.taken, (this.#leaseWork.unansweredFrom ?? Infinity) - 1)
      this.#leaseWork.hook = laterHook(this.#leaseWork.hook, hook)
    } else this.#leaseWork = null
    for (const message of accepted) message.redelivered = message.n <= record.redeliveredThrough
    this.#taken.add(accepted)
    if (hook === 'begin') this.pending.release()
    else this.pending.settle(accepted, outOfOrder, record)
    if (!this.#isResting) this.#run()
  }

  /** Whether there is nothing to run or write; a pinned session keeps its lease meanwhile. */
  get #isResting(): boolean {
    const leaseWork = this.#leaseWork
    if (!leaseWork) return true
    const { isPinned, done, ended } = this.#session.record
    return isPinned === true && !ended && leaseWork.hook === 'none' && !this.#taken.next && done >= leaseWork.takenThrough
  }

  /** Drops what was taken and is not handled: it no longer belongs to this node. */
  #lose(): void {
    for (const message of this.#taken.clear()) this.pending.forget(message)
    this.#leaseWork = null
    this.#retries = null
    for (const message of this.#requests?.drop() ?? []) this.pending.forget(message)
  }

  /** Runs the pending handlers. For a session that is not idle the node's tick settles the record, which calls this again. */
  #run(): void {
    if (this.#isRunning || this.#retries?.isPausing || this.#isWaiting) return
    // Settling the record now would lead back here at once.
    if (!this.#holdsLease()) return
    this.#isRunning = true
    this.#runOn().catch((error) => this.#session.node.host.report(error))
  }

  /** Runs handlers until there are none, the next has to wait, or this node no longer holds the lease. */
  async #runOn(): Promise<void> {
    const { node } = this.#session
    for (let leaseWork = this.#leaseWork; leaseWork && !node.isDown; leaseWork = this.#leaseWork) {
      if (!this.#holdsLease()) break
      let waiting: unknown
      const next = this.#taken.next
      const { hook } = leaseWork
      if (this.#isWaiting || (!next && hook !== 'begin' && hook !== 'end')) break
      try {
        waiting = callHandler(this.#session, hook, next)
        const result = isThenable(waiting) ? await waiting : undefined
        if (next?.call) callSettled(leaseWork, next.n, result)
      } catch (error) {
        if (leaseWork !== this.#leaseWork) node.host.report(error)
        else if (await this.#runsAgain(error, next, leaseWork)) break
      }
      // Another node may have taken over in the meantime: then this handler's result does not count.
      if (leaseWork !== this.#leaseWork) continue
      this.#retries = null
      if (leaseWork.hook === 'begin') leaseWork.hook = 'none'
      else if (next) this.#passed(leaseWork, next)
      else leaseWork.hook = 'ended'
      // Progress is written while the next handler runs; after the last one it is written below.
      if (waiting !== undefined && this.#taken.next) this.#session.progressed()
      this.#handledSinceCheck = (this.#handledSinceCheck + 1) % checkSliceEvery
      if (this.#handledSinceCheck !== 0 || !this.#taken.next || !node.slices.isOver()) continue
      if (waiting === undefined) this.#session.progressed()
      await node.slices.next()
      if (node.isDown) return
    }
    this.#isRunning = false
    this.#session.progressed()
  }

  /** Whether this node still holds the lease: it runs no handler while the store is too slow to renew it. */
  #holdsLease(): boolean {
    const { node, record } = this.#session
    return node.isHolder(record) && node.heldUntil(record) > node.sessions.now()
  }

  /**
   * A handler has failed. Tells the client that its message was refused; a call has its own answer. Returns whether the handler
   * runs again.
   */
  async #runsAgain(given: unknown, message: Incoming | undefined, leaseWork: MutableLeaseWork): Promise<boolean> {
    const { node } = this.#session
    let error = given
    try {
      if (!message || message.call) throw error
      const answer = errorAnswer(message.n, error, (each) => node.host.report(each))
      answered(leaseWork, await append(this.#session, answer))
      return false
    } catch (failure) {
      error = failure
    }
    this.#retries ??= new HandlerRetries(node)
    const failure = this.#retries.failed(error)
    if (failure) node.host.report(failure.error)
    // The handler may have done part of its work.
    else if (message) message.redelivered = true
    return !failure
  }

  #openRequests(): RunningRequests {
    this.#requests ??= new RunningRequests(this.#session, (message, offset) => {
      this.pending.forget(message)
      if (!this.#leaseWork) return
      callSettled(this.#leaseWork, message.n, offset)
      this.#leaseWork.finished = this.#finishedThrough()
      this.#session.progressed()
      this.#run()
    })
    return this.#requests
  }

  /** The handler of a message has settled, or its request has started: a request runs beside what follows it. */
  #passed(leaseWork: MutableLeaseWork, message: Incoming): void {
    if (message.call?.type === 'request' && message.data !== null) this.#openRequests().begin(message, message.call)
    else this.pending.forget(message)
    this.#taken.pass()
    leaseWork.finished = this.#finishedThrough()
  }

  /** No number counts as done from the oldest unanswered request on. */
  #finishedThrough(): number {
    return Math.min(this.#taken.handledThrough, (this.#requests?.oldest ?? Infinity) - 1, this.#leaseWork?.takenThrough ?? 0)
  }
}
