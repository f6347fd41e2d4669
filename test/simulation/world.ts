import { drained } from './clock.ts'
import { Guard } from './guard.ts'
import { happen } from './happen.ts'
import { describeOperation, type Schedule } from './operations.ts'
import { Stage } from './stage.ts'
import type { Violation } from './violation.ts'

/** How long the delivery of everything may take after the network is restored, in milliseconds. */
const recoveryMs = 300_000
/** The time limit of the final flush of a closed client, with a margin. */
const closingMs = 6000
/** More events than this mean an endless loop. */
const maxEvents = 60_000
const maxTraced = 600
const lookEveryMs = 250

export interface Outcome {
  readonly violation: Violation | null
  readonly events: number
  readonly virtualMs: number
  /** The time from the restored network to the delivery of everything. */
  readonly recoveryMs: number
  readonly sent: number
  readonly received: number
  readonly repeats: number
  readonly gaps: number
  readonly trace: readonly string[]
}

/** Runs a schedule to its end, or to the first violation. */
export function simulate(schedule: Schedule, isTraced = false): Promise<Outcome> {
  return new World(schedule, isTraced).run()
}

/** One run. */
class World {
  readonly #stage: Stage
  readonly #guard: Guard
  readonly #trace: string[] = []
  #recoveryMs = 0

  constructor(schedule: Schedule, isTraced: boolean) {
    this.#stage = new Stage(schedule, isTraced ? (line) => this.#note(line) : null)
    this.#guard = new Guard(this.#stage)
  }

  async run(): Promise<Outcome> {
    await this.#live()
    const { court, clock, up, down } = this.#stage
    return {
      violation: court.violation,
      events: clock.events,
      virtualMs: clock.now,
      recoveryMs: this.#recoveryMs,
      sent: up.count,
      received: down.received,
      repeats: up.repeats,
      gaps: down.gaps,
      trace: this.#trace.slice(-maxTraced),
    }
  }

  async #live(): Promise<void> {
    const { schedule, page, court, clock } = this.#stage
    page.client.connect()
    for (const operation of schedule.operations) {
      if (!(await this.#until(operation.at))) return
      this.#stage.log(() => describeOperation(operation))
      happen(this.#stage, operation)
      await drained()
    }
    if (!(await this.#until(schedule.endMs))) return
    this.#stage.heal()
    const wholeAt = clock.now
    const guard = this.#guard
    await this.#until(wholeAt + recoveryMs, () => guard.missing() === '')
    this.#recoveryMs = clock.now - wholeAt
    court.must(guard.missing() === '', 'no-recovery', () => `${guard.missing()}; ${guard.status()}`)
    if (!court.violation) await this.#end()
  }

  /** The application closes the client: nothing of it may continue, and soon nothing of it may be left at the nodes. */
  async #end(): Promise<void> {
    const { court, clock, page, network, lives, store, schedule } = this.#stage
    const { final } = page
    if (final) court.must(this.#stage.againAfterMs(final.code) !== null, 'gave-up', () => `the client gave up: ${final.code}`)
    let returned = -1
    this.#stage.close().then(({ unsent, unconfirmed }) => {
      returned = unsent.length + unconfirmed.length
    })
    if (!(await this.#until(clock.now + closingMs))) return
    court.must(returned >= 0, 'close-hangs', () => `close() has not resolved after ${closingMs} ms`)
    court.must(returned <= 0 || !!final, 'close-leaves', () => `close() leaves ${returned} messages after all were acknowledged`)
    const rest = [page.timers.count, page.listening, page.claims, page.flushes, network.held().length]
    court.must(
      rest.every((count) => count === 0),
      'left-running',
      () => `the client leaves timers, listeners, claims, flushes, connections: ${rest.join(', ')}`,
    )
    const { resumeWindowMs, heartbeatMs } = schedule.setting
    const isEmpty = () => lives.every((life) => !life || life.rest() === '')
    if (!(await this.#until(clock.now + resumeWindowMs + 4 * heartbeatMs + 40_000, isEmpty))) return
    // A node that starts meanwhile is a new life.
    const left = lives.flatMap((life) => life ?? [])
    for (const life of left) {
      court.must(life.rest() === '', 'server-left', () => `${life.name} keeps ${life.rest()}`)
      void life.leave(0)
    }
    if (!(await this.#until(clock.now + 100))) return
    for (const life of left) {
      const { count } = life.timers
      const watches = store.watches.get(life.being)?.size ?? 0
      court.must(count === 0 && watches === 0, 'server-left', () => `${life.name} keeps ${count} timers, ${watches} watches`)
    }
  }

  /** Lets time pass until `at`, or until `isEnough` holds; returns whether there was no violation. */
  async #until(at: number, isEnough: () => boolean = () => false): Promise<boolean> {
    const { clock, court } = this.#stage
    await drained()
    let lookAt = clock.now
    for (;;) {
      this.#guard.check()
      if (court.violation) return false
      if (clock.now >= lookAt) {
        lookAt = clock.now + lookEveryMs
        if (isEnough()) return true
      }
      if (!clock.step(at)) break
      await drained()
      court.must(clock.events < maxEvents, 'busy', () => `${maxEvents} events in ${clock.now} ms`)
    }
    clock.now = Math.max(clock.now, at)
    return true
  }

  #note(line: string): void {
    this.#trace.push(line)
    if (this.#trace.length > 2 * maxTraced) this.#trace.splice(0, maxTraced)
  }
}
