import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { startChaos } from '../support/chaos.ts'
import { seconds, tell } from '../support/chaos-run.ts'
import type { Engine, EnginePage } from '../support/engines.ts'
import { HandledRequests } from '../support/handled-requests.ts'
import { processOf } from '../support/page-process.ts'
import { seeded, seedOf } from '../support/seeded.ts'
import { startRig } from '../support/session-rig.ts'
import { buildTabScript, logOf, patient } from '../support/shared-tabs.ts'
import { useEngine } from '../support/use-engine.ts'

const seed = seedOf(process.env)
/** How many replies the tabs receive before the last tab is closed. */
const requests = Number(process.env['CHAOS_REQUESTS'] ?? 10_000)
const tabsAtOnce = 4
/** How many tabs are killed or closed at least. */
const minGone = 6

interface Progress {
  readonly asked: number
  readonly answered: number
  /** Replies to other requests, and requests that failed. */
  readonly wrong: readonly string[]
}

declare const begin: (path: string, key: string, transports: readonly string[]) => void
declare const client: { request(data: string): Promise<string>; close(): Promise<unknown> }
declare const asking: Progress & { isStopped: boolean }

/** Sends 20 requests every 40 ms until it is stopped, while fewer than 200 are unanswered; runs in the page. */
function ask(name: string): void {
  const log = { asked: 0, answered: 0, wrong: [] as string[], isStopped: false }
  Object.assign(globalThis, { asking: log })
  const askSome = () => {
    if (log.isStopped) return
    for (let each = 0; each < 20 && log.asked - log.answered < 200; each += 1) {
      const text = `${name} ${log.asked++}`
      client.request(text).then(
        (reply) => {
          log.answered += 1
          if (reply !== `re: ${text}`) log.wrong.push(`${text}: ${reply}`)
        },
        (error) => log.wrong.push(`${text}: ${error.code ?? error}`),
      )
    }
    setTimeout(askSome, 40)
  }
  askSome()
}

let engine: Engine
useEngine('chromium', (started) => {
  engine = started
})
let script: Awaited<ReturnType<typeof buildTabScript>>
beforeAll(async () => {
  script = await buildTabScript()
})
afterAll(() => script?.remove())

it(`[SP21] ${requests} requests of shared tabs are answered once each, while tabs are killed and connections are cut (SEED=${seed})`, async () => {
  const random = seeded(seed)
  const handled = new HandledRequests()
  await using rig = await startRig({
    count: 2,
    page: { script: script.path },
    options: {
      leaseMs: 1500,
      async onRequest(_, { data, redelivered }) {
        const text = String(data)
        handled.handle(text, redelivered)
        await sleep(2)
        return `re: ${text}`
      },
    },
  })
  await using place = await engine.openTabs?.()
  if (!place) throw new Error('Chromium opens no tabs.')
  let opened = 0
  const open = async (): Promise<EnginePage> => {
    const page = await place.open(`${rig.proxy.url}/`)
    await page.evaluate(() => begin('/realtime', 'somebody', ['websocket', 'sse', 'long-poll', 'poll']))
    await page.evaluate(ask, `tab${opened++}`)
    return page
  }
  const tabs: EnginePage[] = []
  while (tabs.length < tabsAtOnce) tabs.push(await open())
  const progressOf = async (page: EnginePage): Promise<Progress> => {
    const progress = await page.evaluate(() => ({ ...asking }))
    expect(progress.wrong, `SEED=${seed}`).toEqual([])
    return progress
  }
  let answeredInGone = 0
  const answered = async () => {
    const all = await Promise.all(tabs.map(progressOf))
    return all.reduce((sum, each) => sum + each.answered, answeredInGone)
  }
  const chaos = startChaos(rig.proxy, { random, transports: ['websocket'] })
  const startedAt = performance.now()
  let kills = 0
  let closes = 0
  // While pages are slow to load, the requests may all be answered before enough tabs are gone.
  while ((await answered()) < requests || kills + closes < minGone) {
    await sleep(500 + 1000 * random())
    // Half of the time it is the leader: the tab that was opened first, or has waited longest to lead.
    const [gone] = tabs.splice(random() < 0.5 ? 0 : Math.floor(random() * tabs.length), 1)
    if (!gone) continue
    const pid = await processOf(gone)
    answeredInGone += (await progressOf(gone)).answered
    if (random() < 0.5) {
      process.kill(pid, 'SIGKILL')
      kills += 1
    } else {
      await gone[Symbol.asyncDispose]()
      closes += 1
    }
    // The page does not load while the network is cut.
    let added: EnginePage | null = null
    while (!added) added = await open().catch(() => null)
    tabs.push(added)
  }
  await chaos.stop()
  for (const page of tabs)
    await page.evaluate(() => {
      asking.isStopped = true
    })
  for (const page of tabs)
    await vi.waitFor(async () => {
      const { asked, answered } = await progressOf(page)
      expect(answered, `SEED=${seed}\n${JSON.stringify(await logOf(page))}`).toBe(asked)
    }, patient)
  const total = await answered()
  expect(handled.unmarked, `SEED=${seed}`).toEqual([])
  expect(handled.size).toBeGreaterThanOrEqual(total)
  expect(rig.servers.errors).toEqual([])
  expect(kills + closes).toBeGreaterThanOrEqual(minGone)
  tell([
    `${total} replies to ${opened} tabs, of which ${kills} were killed and ${closes} closed, ${chaos.deeds.length} faults`,
    `in ${seconds(performance.now() - startedAt)} (SEED=${seed})`,
  ])
}, 120_000)
