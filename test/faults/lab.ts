import { existsSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineName } from '../support/engines.ts'
import { type StartedBackend, startBackend } from './backends.ts'
import { launchBrowser } from './browsers.ts'
import { type Certificates, makeCertificates } from './certificates.ts'
import { expectedOf, type Fault, isTolerated, type LabPage, type Mode, modesOf, type PageKind, type Served } from './fault.ts'
import { begin, type Story, storyOf, type Told } from './page.ts'
import { PagePool } from './page-pool.ts'
import { startPageServers } from './pages.ts'
import { startProxy } from './proxy.ts'
import { type Judged, markOf } from './score.ts'

/** What one client told of one fault. */
export interface Result extends Judged {
  /** The client's last word. */
  readonly told: Told | null
  readonly all: readonly Told[]
}

export interface LabOptions {
  readonly engine: EngineName
  /** The built file that a script tag loads. */
  readonly script: string
  readonly faults: readonly Fault[]
  readonly modes: readonly Mode[]
}

const usualPatienceMs = 12_000
/** What the page itself may need beyond that. */
const graceMs = 5000
const askEveryMs = 150

interface Run {
  readonly fault: Fault
  readonly mode: Mode
}

/** Makes every fault in one engine, many at once, and tells what the client made of each. */
export async function runLab({ engine, script, faults, modes }: LabOptions): Promise<readonly Result[]> {
  if (!existsSync(script)) throw new Error(`MISSING: ${script}; run \`npm run build\` first`)
  await using lab = await Lab.start(engine, script)
  const runs = faults.flatMap((fault) =>
    modesOf(fault)
      .filter((mode) => modes.includes(mode) && !fault.notIn?.[engine] && !isTolerated(fault, mode, engine))
      .map((mode) => ({ fault, mode })),
  )
  const results = await lab.run(runs)
  // A busy machine may be slower than a client is patient. What was told as certain stands.
  const missed = results.filter((result) => !markOf(result).isParent && result.told?.certainty !== 'certain')
  const isMissed = ({ fault, mode }: Run) => missed.some((each) => each.fault === fault.name && each.mode === mode)
  const again = await lab.run(runs.filter(isMissed))
  return results.map((result) => again.find(({ fault, mode }) => fault === result.fault && mode === result.mode) ?? result)
}

class Lab implements AsyncDisposable {
  readonly #engine: EngineName
  readonly #certificates: Certificates
  readonly #backends: Readonly<Record<Mode, StartedBackend>>
  readonly #pool: PagePool
  /** What was started, the last first to end. */
  readonly #started: readonly AsyncDisposable[]
  #sites = 0

  private constructor(
    engine: EngineName,
    certificates: Certificates,
    backends: Readonly<Record<Mode, StartedBackend>>,
    pool: PagePool,
    started: readonly AsyncDisposable[],
  ) {
    this.#engine = engine
    this.#certificates = certificates
    this.#backends = backends
    this.#pool = pool
    this.#started = started
  }

  static async start(engine: EngineName, script: string): Promise<Lab> {
    const started: AsyncDisposable[] = []
    const keep = <Started extends AsyncDisposable>(what: Started): Started => {
      started.unshift(what)
      return what
    }
    try {
      const certificates = keep(await makeCertificates())
      // Nothing happens to the copy while the lab runs, though somebody may build.
      const copy = join(certificates.folder, 'steadfast.min.js')
      await copyFile(script, copy)
      const pageServers = keep(await startPageServers(copy, certificates))
      const origins = [pageServers.bare, pageServers.csp, pageServers.secure].map(({ origin }) => origin)
      const plain = keep(await startBackend('plain', origins))
      const session = keep(await startBackend('session', origins))
      const proxy = keep(await startProxy())
      const browser = keep(await launchBrowser(engine, { certificates, proxyPort: proxy.port }))
      const pool = keep(new PagePool(browser, (kind) => `${pageServers[kind].origin}/`))
      return new Lab(engine, certificates, { plain, session }, pool, started)
    } catch (error) {
      await end(started)
      throw error
    }
  }

  /** The slow ones first, so that they do not come last. */
  async run(asked: readonly Run[]): Promise<readonly Result[]> {
    const runs = asked.filter(({ fault }) => this.#pool.canHave(kindOf(fault)))
    const waiting = [...runs].sort((a, b) => patienceOf(b.fault) - patienceOf(a.fault))
    const results = new Map<Run, Result>()
    const lanes = Array.from({ length: this.#pool.places }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) results.set(next, await this.#one(next))
    })
    // Where one fails, the others must have ended before anything is taken from under them.
    const ends = await Promise.allSettled(lanes.map((lane) => lane.finally(() => waiting.splice(0))))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    return runs.flatMap((run) => results.get(run) ?? [])
  }

  async #one({ fault, mode }: Run): Promise<Result> {
    this.#sites += 1
    const site = {
      ...{ mode, certificates: this.#certificates, backend: this.#backends[mode] },
      // From 127.0.0.2 on.
      ip: `127.0.${Math.floor((this.#sites + 1) / 250)}.${((this.#sites + 1) % 250) + 1}`,
    }
    await using served = await fault.start(site)
    const { told, all } = await this.#pool.use(kindOf(fault), !!fault.isAlone, (page) =>
      observe(page, served, fault, mode, `${fault.name} ${mode}`),
    )
    return { fault: fault.name, mode, engine: this.#engine, expected: expectedOf(fault, mode), told, all }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return end(this.#started)
  }
}

/** All are ended, whatever the others say to it. */
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

/** Makes the client in the page and waits until nothing more is to be expected of it. */
async function observe(page: LabPage, served: Served, fault: Fault, mode: Mode, id: string): Promise<Story> {
  const { settings = {}, options = {} } = (mode === 'plain' && fault.inPlain) || {}
  await served.before?.(page)
  await page.evaluate(begin, {
    ...{ id, url: served.url, transport: fault.transport },
    ...{ settings, options, heldUrls: served.heldUrls ?? [] },
    ...{ isSession: mode === 'session', isAfterOpen: !!fault.isAfterOpen, patienceMs: patienceOf(fault) },
  })
  const until = performance.now() + patienceOf(fault) + graceMs
  let hasActed = !served.act
  for (;;) {
    const story: Story = JSON.parse(await page.evaluate(storyOf, id))
    // Something may hold the page, so that its clock stands still.
    if (story.isSettled || performance.now() > until) return story
    if (story.isOpen && !hasActed) {
      hasActed = true
      await served.act?.(page)
    }
    await sleep(askEveryMs)
  }
}
