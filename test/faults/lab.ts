import { existsSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineName } from '../support/engines.ts'
import { type StartedBackend, startBackend } from './backends.ts'
import { launchBrowser } from './browsers.ts'
import { type Certificates, makeCertificates } from './certificates.ts'
import {
  type Deployment,
  deployments,
  expectedOf,
  type Fault,
  type FaultSet,
  isTolerated,
  type LabPage,
  type Mode,
  modesOf,
  type PageKind,
  type Served,
} from './fault.ts'
import { begin, type Story, storyOf, type Told } from './page.ts'
import { PagePool } from './page-pool.ts'
import { ownPageOf, startPageServers } from './pages.ts'
import { startProxy } from './proxy.ts'
import { type Judged, markOf } from './score.ts'

/** What one client reported of one fault. */
export interface Result extends Judged {
  /** The client's last diagnosis. */
  readonly told: Told | null
  readonly all: readonly Told[]
}

export interface LabOptions {
  readonly engine: EngineName
  /** The built script file. */
  readonly script: string
  readonly sets: readonly FaultSet[]
  readonly modes: readonly Mode[]
}

const usualPatienceMs = 12_000
/** The time limit of the follow-up questions, with a margin. */
const usualQuestionsMs = 5500
/** The additional time that the page itself may need. */
const graceMs = 5000
const askEveryMs = 150

interface Run {
  readonly deployment: Deployment
  readonly fault: Fault
  readonly mode: Mode
}

/** Runs every fault in one engine, many at once, and resolves with the client's diagnoses. */
export async function runLab({ engine, script, sets, modes }: LabOptions): Promise<readonly Result[]> {
  if (!existsSync(script)) throw new Error(`MISSING: ${script}; run \`npm run build\` first`)
  await using lab = await Lab.start(engine, script, sets)
  const runs = sets.flatMap(({ deployment, faults }) =>
    faults.flatMap((fault) =>
      modesOf(fault, deployment)
        .filter((mode) => modes.includes(mode) && !fault.notIn?.[engine] && !isTolerated(fault, mode, engine))
        .map((mode) => ({ deployment, fault, mode })),
    ),
  )
  const results = await lab.run(runs)
  // On a busy machine a client may time out before the fault takes effect. Diagnoses given as certain are not repeated.
  const missed = results.filter((result) => !markOf(result).isParent && result.told?.certainty !== 'certain')
  const again = await lab.run(runs.filter((run) => missed.some((result) => isOf(result, run))))
  return results.map((result) => again.find((each) => isSame(each, result)) ?? result)
}

function isOf(result: Result, { deployment, fault, mode }: Run): boolean {
  return isSame(result, { deployment, mode, fault: fault.name })
}

function isSame(one: Result, other: Pick<Result, 'deployment' | 'fault' | 'mode'>): boolean {
  return one.deployment === other.deployment && one.fault === other.fault && one.mode === other.mode
}

/** The key of a backend in the lab. */
function keyOf(deployment: Deployment, mode: Mode): string {
  return `${deployment} ${mode}`
}

class Lab implements AsyncDisposable {
  readonly #engine: EngineName
  readonly #certificates: Certificates
  readonly #backends: ReadonlyMap<string, StartedBackend>
  readonly #pool: PagePool
  /** Everything that was started; the last is ended first. */
  readonly #started: readonly AsyncDisposable[]
  #sites = 0

  private constructor(
    engine: EngineName,
    certificates: Certificates,
    backends: ReadonlyMap<string, StartedBackend>,
    pool: PagePool,
    started: readonly AsyncDisposable[],
  ) {
    this.#engine = engine
    this.#certificates = certificates
    this.#backends = backends
    this.#pool = pool
    this.#started = started
  }

  static async start(engine: EngineName, script: string, sets: readonly FaultSet[]): Promise<Lab> {
    const started: AsyncDisposable[] = []
    const keep = <Started extends AsyncDisposable>(what: Started): Started => {
      started.unshift(what)
      return what
    }
    try {
      const certificates = keep(await makeCertificates())
      // A build during the lab does not change the copy.
      const copy = join(certificates.folder, 'steadfast.min.js')
      await copyFile(script, copy)
      const pageServers = keep(await startPageServers(copy, certificates))
      const origins = [pageServers.bare, pageServers.csp, pageServers.secure].map(({ origin }) => origin)
      const backends = new Map<string, StartedBackend>()
      for (const { deployment } of sets) {
        for (const mode of deployments[deployment].modes)
          backends.set(keyOf(deployment, mode), keep(await startBackend({ mode, deployment, origins, script: copy })))
      }
      const proxy = keep(await startProxy())
      const browser = keep(await launchBrowser(engine, { certificates, proxyPort: proxy.port }))
      const pool = keep(new PagePool(browser, (kind) => `${pageServers[kind === 'csp-path' ? 'bare' : kind].origin}/`))
      return new Lab(engine, certificates, backends, pool, started)
    } catch (error) {
      await end(started)
      throw error
    }
  }

  /** Runs the slow faults first, so that the lab does not have to wait for them at the end. */
  async run(asked: readonly Run[]): Promise<readonly Result[]> {
    const runs = asked.filter(({ fault }) => this.#pool.canHave(kindOf(fault)))
    const waiting = [...runs].sort((a, b) => patienceOf(b.fault) - patienceOf(a.fault))
    const results = new Map<Run, Result>()
    const lanes = Array.from({ length: this.#pool.places }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) results.set(next, await this.#one(next))
    })
    // If one lane fails, the others must end before anything that they use is closed.
    const ends = await Promise.allSettled(lanes.map((lane) => lane.finally(() => waiting.splice(0))))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    return runs.flatMap((run) => results.get(run) ?? [])
  }

  async #one({ deployment, fault, mode }: Run): Promise<Result> {
    this.#sites += 1
    const backend = this.#backends.get(keyOf(deployment, mode))
    if (!backend) throw new Error(`there is no server for ${keyOf(deployment, mode)}`)
    const site = {
      deployment,
      mode,
      backend,
      certificates: this.#certificates,
      // Addresses from 127.0.0.2 on.
      ip: `127.0.${Math.floor((this.#sites + 1) / 250)}.${((this.#sites + 1) % 250) + 1}`,
    }
    await using served = await fault.start(site)
    const run = (page: LabPage) => observe(page, served, fault, mode, `${fault.name} ${keyOf(deployment, mode)}`)
    const { told, all } = deployments[deployment].isSameOrigin
      ? await this.#pool.useAt(ownPageOf(served.url, kindOf(fault)), run)
      : await this.#pool.use(kindOf(fault), !!fault.isAlone, run)
    const { name, seen } = fault
    const expected = expectedOf(fault, mode)
    const isSeen = deployments[deployment].isSameOrigin && seen !== undefined
    return { deployment, fault: name, mode, engine: this.#engine, expected, ...(isSeen && { seen }), told, all }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return end(this.#started)
  }
}

/** Ends all of them, even if some of them fail to end. */
async function end(started: readonly AsyncDisposable[]): Promise<void> {
  const errors: unknown[] = []
  for (const each of started) await Promise.resolve(each[Symbol.asyncDispose]()).catch((error) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}

function kindOf({ page = 'bare' }: Fault): PageKind {
  return page
}

function patienceOf({ patienceMs = usualPatienceMs }: Fault): number {
  return patienceMs
}

/** Creates the client in the page, and waits until it has nothing more to report. */
async function observe(page: LabPage, served: Served, fault: Fault, mode: Mode, id: string): Promise<Story> {
  const { settings = {}, options = {} } = (mode === 'plain' && fault.inPlain) || {}
  await served.before?.(page)
  await served.arm?.()
  await page.evaluate(begin, {
    id,
    url: served.url,
    transport: fault.transport,
    settings,
    options,
    heldUrls: served.heldUrls ?? [],
    isSession: mode === 'session',
    isAfterOpen: !!fault.isAfterOpen,
    patienceMs: patienceOf(fault),
    questionsMs: fault.questionsMs ?? usualQuestionsMs,
  })
  const until = performance.now() + patienceOf(fault) + graceMs
  let hasActed = !served.act
  for (;;) {
    const story: Story = JSON.parse(await page.evaluate(storyOf, id))
    // Also limited here, since a frozen page cannot enforce its own limit.
    if (story.isSettled || performance.now() > until) return story
    if (story.isOpen && !hasActed) {
      hasActed = true
      await served.act?.(page)
    }
    await sleep(askEveryMs)
  }
}
