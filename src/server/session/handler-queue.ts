import type { Ending, SessionRecord } from '../store/ports.ts'
import { isThenable } from '../util/thenable.ts'
import { overheadBytes, type Share } from './backlog.ts'
import { callHandler } from './call-handler.ts'
import type { HandledSession } from './handled-session.ts'
import { HandlerRetries } from './handler-retries.ts'
import type { Claim, Incoming, LeaseWork, Step } from './record.ts'

type MutableLeaseWork = { -readonly [Field in keyof LeaseWork]: LeaseWork[Field] }

/** After this many messages in a row the event loop gets a turn, if the time slice is over. */
const checkSliceEvery = 16

/**
 * The messages of one session on this node, from their arrival until their handler has settled: it runs the application's
 * handlers, one after the other. Most sessions never send anything, so it is made for the first message.
 */
export class HandlerQueue {
  readonly #session: HandledSession
  /** Messages that are not in the record's `taken` yet. */
  #pending: Incoming[] = []
  /** How many of them, from the first on, are in the step that is being written. */
  #claimed = 0
  /** An upper bound of those whose source waits no longer. */
  #withdrawn = 0
  /** How the session is to end once all pending messages have been taken. */
  wantedEnd: Ending | null = null
  /** Messages that were taken; those from `#next` on are not handled yet. */
  #todo: Incoming[] = []
  #next = 0
  #bytes = 0
  /** The principal's share of the messages that wait for this node's handlers. */
  #share: Share | null = null
  #leaseWork: MutableLeaseWork | null = null
  #isRunning = false
  /** The handler that is next has failed, and runs again. */
  #retries: HandlerRetries | null = null

  constructor(session: HandledSession) {
    this.#session = session
  }

  get isIdle(): boolean {
    return !this.#isRunning && !this.#leaseWork && this.#pending.length === 0 && !this.wantedEnd
  }

  /** Whether this many more messages may wait, with this many bytes in total. A single message may if no other one waits. */
  fits(messages: number, bytes: number): boolean {
    const cost = bytes + messages * overheadBytes
    const isWithin = this.#bytes + cost <= this.#session.node.settings.limits.maxUnhandledBytes
    return (isWithin || (messages === 1 && this.#bytes === 0)) && this.#shared().fits(messages, cost)
  }

  add(message: Incoming): void {
    const cost = message.bytes + overheadBytes
    this.#pending.push(message)
    this.#bytes += cost
    this.#shared().add(cost)
  }

  /** What is to go into a step that begins in this task. Either `apply` or `release` follows. */
  claim(): Claim {
    this.#claimed = this.#pending.length
    return { leaseWork: this.#leaseWork, pending: this.#pending, wantedEnd: this.wantedEnd }
  }

  /** The step was not written, or did not take what was claimed. */
  release(): void {
    this.#claimed = 0
    this.#sift()
  }

  /** A source waits no longer for this many of its messages (`Source.isWithdrawn`). */
  withdrawn(messages: number): void {
    this.#withdrawn += messages
    if (this.#claimed === 0) this.#sift()
  }

  /** Drops messages whose source waits no longer, once they are half of all: a pass for each source would be quadratic. */
  #sift(): void {
    if (this.#withdrawn === 0 || 2 * this.#withdrawn < this.#pending.length) return
    this.#withdrawn = 0
    this.#pending = this.#pending.filter((message) => !message.source.isWithdrawn || this.#forget(message))
  }

  /** The session was created on this node: `onSession` runs before any message is taken. */
  begin(taken: number): void {
    this.#leaseWork = { takenThrough: taken, finished: taken, hook: 'begin' }
    this.#run()
  }

  /** The session is gone: all its messages are dropped. */
  drop(): void {
    for (const message of this.#pending) this.#forget(message)
    this.#pending = []
    this.#claimed = 0
    this.#withdrawn = 0
    this.wantedEnd = null
    this.#lose()
    // The next session under this id may be of another principal.
    this.stop()
  }

  /** Nothing of the session is left on this node. */
  stop(): void {
    this.#share?.leave()
    this.#share = null
  }

  /** The record has been written as the step says. */
  apply({ accepted, outOfOrder, hook, hasLost, outcome }: Step, record: SessionRecord): void {
    if (hasLost) this.#lose()
    if (outcome === 'waits') {
      this.release()
      return
    }
    if (record.lease) {
      this.#leaseWork ??= { takenThrough: record.taken, finished: record.done, hook: 'none' }
      this.#leaseWork.takenThrough = record.taken
      this.#leaseWork.hook = hook
    } else this.#leaseWork = null
    for (const message of accepted) message.redelivered = message.n <= record.redeliveredThrough
    if (this.#todo.length === 0) this.#todo = accepted
    else for (const message of accepted) this.#todo.push(message)
    if (record.ended) this.wantedEnd = null
    if (hook === 'begin') this.release()
    else this.#settleClaimed(accepted, outOfOrder, record)
    if (this.#leaseWork) this.#run()
  }

  /** Each claimed message was accepted, is out of order, or is a duplicate; both lists are in the order of the claim. */
  #settleClaimed(accepted: readonly Incoming[], outOfOrder: readonly Incoming[], record: SessionRecord): void {
    const pending = this.#pending
    const claimed = this.#claimed
    this.#pending = claimed === pending.length ? [] : pending.slice(claimed)
    this.#claimed = 0
    if (this.#pending.length === 0) this.#withdrawn = 0
    let nextAccepted = 0
    let nextOutOfOrder = 0
    for (let index = 0; index < claimed; index += 1) {
      const message = pending[index]
      if (!message) break
      if (message === accepted[nextAccepted]) nextAccepted += 1
      else this.#forget(message)
      if (message === outOfOrder[nextOutOfOrder]) {
        nextOutOfOrder += 1
        message.source.outOfOrder(message, record)
      } else message.source.inOrder()
    }
    this.#sift()
  }

  #shared(): Share {
    const { id, node, record } = this.#session
    this.#share ??= node.backlog.of(record.principalId, id)
    return this.#share
  }

  #forget(message: Incoming): false {
    const cost = message.bytes + overheadBytes
    this.#bytes -= cost
    this.#share?.add(-cost)
    return false
  }

  #lose(): void {
    for (const message of this.#todo.slice(this.#next)) this.#forget(message)
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
    return record.lease?.node === node.id && record.lease.until > node.sessions.now()
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
    this.#forget(message)
    this.#next += 1
    if (this.#next < this.#todo.length) return
    this.#todo = []
    this.#next = 0
  }
}
