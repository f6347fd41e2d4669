import type { NodeContext } from './node-context.ts'
import type { Ending, SessionRecord } from './ports.ts'
import type { Duty, Incoming, Step, Tenure } from './record.ts'
import type { Session } from './session.ts'
import { isThenable } from './thenable.ts'

/** What a message costs beside its bytes while it waits. */
const overheadBytes = 64

/** The session on this node, as its work sees it. */
export interface Worked {
  readonly id: string
  readonly node: NodeContext
  readonly handle: Session
  readonly ending: Ending
  settle(): void
}

interface OpenTenure extends Tenure {
  takenThrough: number
  finished: number
  duty: Duty
}

interface Taken {
  readonly message: Incoming
  readonly redelivered: boolean
}

/**
 * What this node does for a session: it takes messages and runs the application's handlers, one after the other. Most
 * sessions never send anything, so a live session has none of this until it is needed.
 */
export class Work {
  readonly #live: Worked
  /** Not taken yet. */
  #pending: Incoming[] = []
  /** Those of them that are in the step which is being written. */
  #claimed: Incoming[] = []
  /** Who has stopped waiting since that step began. */
  #withdrawn: Set<Incoming['source']> | null = null
  /** How the session shall end once all of that has been taken. */
  wantedEnd: Ending | null = null
  /** Taken, and not handled yet; from `#next` on. */
  #todo: Taken[] = []
  #next = 0
  #bytes = 0
  #tenure: OpenTenure | null = null
  #isRunning = false

  constructor(live: Worked) {
    this.#live = live
  }

  get tenure(): Tenure | null {
    return this.#tenure
  }

  get bytes(): number {
    return this.#bytes
  }

  get isIdle(): boolean {
    return !this.#isRunning && !this.#tenure && this.#pending.length + this.#claimed.length === 0 && !this.wantedEnd
  }

  add(message: Incoming): void {
    this.#pending.push(message)
    this.#bytes += message.bytes + overheadBytes
  }

  /** All that is pending, for one step. Either `apply` follows or `release`. */
  claim(): readonly Incoming[] {
    this.#claimed = this.#pending
    this.#pending = []
    return this.#claimed
  }

  /** The step was not written, or had no use for what it had claimed. */
  release(): void {
    const claimed = this.#claimed
    const withdrawn = this.#withdrawn
    this.#claimed = []
    this.#withdrawn = null
    if (claimed.length > 0) this.#pending = [...claimed, ...this.#pending]
    for (const source of withdrawn ?? []) this.withdraw(source)
  }

  /** Drops what is pending of somebody who does not wait for it any longer. */
  withdraw(source: Incoming['source']): void {
    if (this.#claimed.length > 0) {
      this.#withdrawn ??= new Set()
      this.#withdrawn.add(source)
    }
    this.#pending = this.#pending.filter((message) => message.source !== source || this.#forget(message))
  }

  /** The session is made here, and is begun before anything is taken. */
  begin(taken: number): void {
    this.#tenure = { takenThrough: taken, finished: taken, duty: 'begin' }
    this.#run()
  }

  /** The session is gone. */
  drop(): void {
    this.release()
    for (const message of this.#pending) this.#forget(message)
    this.#pending = []
    this.wantedEnd = null
    this.#lose()
  }

  /** The record has been written as the step says. */
  apply({ accepted, astray, duty, hasLost, outcome }: Step, record: SessionRecord): void {
    if (hasLost) this.#lose()
    if (outcome === 'waits') {
      this.release()
      return
    }
    if (record.lease) {
      this.#tenure ??= { takenThrough: record.taken, finished: record.done, duty: 'none' }
      this.#tenure.takenThrough = record.taken
      this.#tenure.duty = duty
    } else this.#tenure = null
    for (const message of accepted) {
      this.#todo.push({ message, redelivered: message.n <= record.redeliveredThrough })
    }
    if (record.ended) this.wantedEnd = null
    if (duty === 'begin') this.release()
    else this.#settleClaimed(accepted, astray, record)
    if (this.#tenure) this.#run()
  }

  #settleClaimed(accepted: readonly Incoming[], astray: readonly Incoming[], record: SessionRecord): void {
    const claimed = this.#claimed
    this.#claimed = []
    this.#withdrawn = null
    let next = 0
    for (const message of claimed) {
      if (message === accepted[next]) next += 1
      else this.#forget(message)
      if (astray.length > 0 && astray.includes(message)) message.source.astray(message, record)
      else message.source.inOrder()
    }
  }

  #forget(message: Incoming): false {
    this.#bytes -= message.bytes + overheadBytes
    return false
  }

  #lose(): void {
    for (const { message } of this.#todo.slice(this.#next)) this.#forget(message)
    this.#todo = []
    this.#next = 0
    this.#tenure = null
  }

  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#runOn().catch((error) => this.#live.node.host.report(error))
  }

  async #runOn(): Promise<void> {
    const { node } = this.#live
    const { handlers, host } = node
    for (let tenure = this.#tenure; tenure && !node.isDown; tenure = this.#tenure) {
      let waiting: unknown
      const next = this.#todo[this.#next]
      try {
        if (tenure.duty === 'begin') waiting = handlers.onSession?.(this.#live.handle)
        else if (next) waiting = this.#handle(next)
        else if (tenure.duty === 'end') waiting = handlers.onEnd?.(this.#live.handle, this.#live.ending)
        else break
        if (isThenable(waiting)) await waiting
      } catch (error) {
        host.report(error)
      }
      // Another node may have gone on meanwhile: then what was done here is of no account.
      if (tenure !== this.#tenure) continue
      if (tenure.duty === 'begin') tenure.duty = 'none'
      else if (next) this.#finished(tenure, next)
      else tenure.duty = 'ended'
      // What is done is told while the next one runs; behind the last it is told below.
      if (waiting !== undefined && this.#todo[this.#next]) this.#live.settle()
    }
    this.#isRunning = false
    this.#live.settle()
  }

  #handle({ message: { n, data }, redelivered }: Taken): unknown {
    if (data === null) return undefined
    const { handlers } = this.#live.node
    const id = { session: this.#live.id, n }
    return handlers.onMessage?.(this.#live.handle, { data: typeof data === 'string' ? data : bufferOf(data), id, redelivered })
  }

  #finished(tenure: OpenTenure, { message }: Taken): void {
    tenure.finished = message.n
    this.#forget(message)
    this.#next += 1
    if (this.#next < this.#todo.length) return
    this.#todo = []
    this.#next = 0
  }
}

/** The bytes alone: a frame's buffer holds more than them. */
function bufferOf(data: Uint8Array): ArrayBuffer {
  const buffer = new ArrayBuffer(data.byteLength)
  new Uint8Array(buffer).set(data)
  return buffer
}
