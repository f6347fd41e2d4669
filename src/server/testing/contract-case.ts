import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { seedOf } from './random.ts'

/** One case of a contract, for any test runner: `for (const { name, run } of cases) it(name, run)`. */
export interface ContractCase {
  readonly name: string
  /** Opens a store, checks it and closes it. Rejects with an `AssertionError` if the store violates the contract. */
  run(): Promise<void>
}

/** The options of a contract's cases. */
export interface ContractOptions {
  /** The seed of the random cases, from 0 to 2^32 − 1; an error message contains it. @defaultValue another one for each call */
  readonly seed?: number
  /** How long the cases wait for announcements and other delayed effects of the store, in milliseconds. @defaultValue 10,000 */
  readonly patienceMs?: number
}

/** The options, completed. */
export interface ContractSettings {
  readonly seed: number
  until: Until
}

/** Waits for an announcement or another delayed effect of a store; `what` completes the sentence of the error. */
export type Until = (what: string, isSo: () => boolean | Promise<boolean>) => Promise<void>

/** The limits of the store's streams, for the cases that exceed them; without a limit they check nothing. */
export interface OpenedBounds {
  /** Messages in one stream. At least 100, since other cases need as many. */
  readonly maxMessages?: number
  /** Bytes of one stream's messages. At least 300,000. */
  readonly maxBytes?: number
  /** The largest message, in bytes. At least 100,000. */
  readonly maxMessageBytes?: number
  /** How long a message stays in a topic, in milliseconds. At least 2,000. */
  readonly maxAgeMs?: number
}

/** The parts of an opened store of either kind that the cases use. */
export interface OpenedStore<Store> {
  /** One store as two nodes see it, each over its own connection. Within one process they may be the same object. */
  readonly nodes: readonly [Store, Store]
  /** Called once, at the end of the case. */
  close(): Promise<void>
  /** The store's limits, if they are small enough for a test to exceed. */
  readonly bounds?: OpenedBounds
  /**
   * Advances the store's clock by that many milliseconds, for a store with a clock of its own.
   * @defaultValue the cases wait that long
   */
  pass?(ms: number): Promise<void>
  /** Everything acknowledged before this call survives `loseTail()`. @defaultValue nothing is known to survive */
  checkpoint?(): Promise<void>
  /**
   * Sets the engine back in time: everything acknowledged since `checkpoint()` is lost, as by the promotion of a replica that
   * lacks it. Resolves when both nodes can be used again. A store whose engine cannot lose what it has acknowledged omits it; the
   * cases about lives then check nothing.
   */
  loseTail?(): Promise<void>
}

/** The name of a case, and its check. */
export type Check<Trial> = readonly [name: string, check: (trial: Trial) => Promise<void>]

/** Turns checks into cases, each with a store of its own. */
export function casesOf<Opened extends { close(): Promise<void> }, Trial>(
  subject: string,
  checks: readonly Check<Trial>[],
  open: () => Promise<Opened>,
  trialOf: (opened: Opened) => Trial,
): ContractCase[] {
  return checks.map(([name, check]) => ({
    name: `${subject}: ${name}`,
    async run() {
      const opened = await open()
      try {
        await check(trialOf(opened))
      } finally {
        await opened.close()
      }
    },
  }))
}

/** @throws TypeError for an invalid option; the message names it */
export function settled({ seed, patienceMs = 10_000 }: ContractOptions): ContractSettings {
  if (!(patienceMs > 0 && patienceMs < Infinity))
    throw new TypeError(`The option \`patienceMs\` must be a number of milliseconds above 0; it was ${patienceMs}.`)
  return { seed: seedOf(seed), until: waiting(patienceMs) }
}

function waiting(patienceMs: number): Until {
  return async (what, isSo) => {
    const deadline = performance.now() + patienceMs
    while (!(await isSo())) {
      if (performance.now() > deadline) throw new Error(`Within ${patienceMs / 1000} s ${what}.`)
      await sleep(2)
    }
  }
}

/** Lets time pass on the store's clock. */
export function pass(store: Pick<OpenedStore<unknown>, 'pass'>, ms: number): Promise<void> {
  return store.pass ? store.pass(ms) : sleep(ms)
}
