import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { buildTabScript, startTabServer, type TabLog } from '../support/shared-tabs.ts'
import { useChromium } from '../support/use-chromium.ts'

declare const begin: (path: string, key: string, transports: readonly string[]) => void
declare const tabLog: () => TabLog
declare const client: { send(data: string): void; flushed(): Promise<void>; close(): Promise<unknown> }

let browser: Browser
let script: Awaited<ReturnType<typeof buildTabScript>>
useChromium((started) => {
  browser = started
})
beforeAll(async () => {
  script = await buildTabScript()
})
afterAll(() => script?.remove())

const everyTransport = ['websocket', 'sse', 'long-poll', 'poll'] as const

interface Rig extends AsyncDisposable {
  readonly server: Awaited<ReturnType<typeof startTabServer>>
  readonly context: BrowserContext
  readonly tabs: readonly Page[]
  open(key?: string): Promise<Page>
}

async function start(transports: readonly string[] = everyTransport): Promise<Rig> {
  const server = await startTabServer(script.path)
  const origin = new URL(server.urls[0] ?? '').origin
  const opened = await openPage(browser, { origin })
  const context = opened.page.context()
  await opened.page.close()
  const tabs: Page[] = []
  return {
    ...{ server, context, tabs },
    async open(key = 'somebody'): Promise<Page> {
      const page = await context.newPage()
      await page.goto(`${origin}/`)
      await page.evaluate(([path, name, list]) => begin(path, name, list), [server.urls[0] ?? '', key, transports] as const)
      tabs.push(page)
      return page
    },
    async [Symbol.asyncDispose]() {
      await opened.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

const logOf = (page: Page) => page.evaluate(() => tabLog())
const isOpen = async (page: Page) => expect((await logOf(page)).status).toBe('open')
const patient = { timeout: 8000, interval: 20 }

/** Each tab sends so many messages, and every tab gets the answer to each, once and in one order. */
async function exchange(pages: readonly Page[], handled: readonly string[], name: string): Promise<void> {
  await Promise.all(
    pages.map((page, index) =>
      page.evaluate(
        ([prefix]) => {
          for (let each = 0; each < 5; each += 1) client.send(`${prefix} ${each}`)
        },
        [`${name}.${index}`] as const,
      ),
    ),
  )
  const sent = pages.flatMap((_, index) => Array.from({ length: 5 }, (__, each) => `${name}.${index} ${each}`))
  const ofName = (texts: readonly string[]) => texts.filter((text) => text.startsWith(`${name}.`))
  await vi.waitFor(() => expect(ofName(handled).length).toBeGreaterThanOrEqual(sent.length), patient)
  expect(ofName(handled).toSorted()).toEqual(sent.toSorted())
  for (const page of pages)
    await vi.waitFor(
      async () => expect(ofName((await logOf(page)).taken)).toEqual(ofName(handled).map((text) => `${text} is taken`)),
      patient,
    )
}

it('is one session over one attachment for eight tabs, whoever of them closes', async () => {
  await using rig = await start()
  for (let index = 0; index < 8; index += 1) await isOpenSoon(await rig.open())
  expect(rig.server.sessions.size).toBe(1)
  await exchange(rig.tabs, rig.server.handled, 'all')
  expect(rig.server.attachments()).toBe(1)

  // The first one leads.
  await rig.tabs[0]?.close()
  const others = rig.tabs.slice(1)
  await exchange(others, rig.server.handled, 'closed')
  expect(rig.server.sessions.size).toBe(1)
  for (const page of others) expect((await logOf(page)).events).not.toContain('gap')

  // Another user does not share it.
  const stranger = await rig.open('another')
  await isOpenSoon(stranger)
  expect(rig.server.sessions.size).toBe(2)
  expect((await logOf(stranger)).taken).toEqual([])

  // The last one that is closed in order ends the session.
  await stranger.evaluate(() => client.close())
  await vi.waitFor(() => expect(rig.server.sessions.size).toBe(1), patient)
  for (const page of others) await page.evaluate(() => client.close())
  await vi.waitFor(() => expect(rig.server.sessions.size).toBe(0), patient)
}, 60_000)

type Harm = (leader: CDPSession) => Promise<void>
const crash: Harm = async (leader) => void leader.send('Page.crash').catch(() => {})
const freeze: Harm = async (leader) => void (await leader.send('Page.setWebLifecycleState', { state: 'frozen' }))
const occupy: Harm = async (leader) => void leader.send('Runtime.evaluate', { expression: 'for (;;) {}' }).catch(() => {})

it.each([
  ['crashes', crash],
  ['is frozen', freeze],
  ['is busy for good', occupy],
] as const)(
  'leads on in another tab within 2 s when the leader %s',
  async (_, harm) => {
    await using rig = await start()
    for (let index = 0; index < 4; index += 1) await isOpenSoon(await rig.open())
    const [leader, ...others] = rig.tabs
    if (!leader) throw new RangeError('There is no leader.')
    await exchange(rig.tabs, rig.server.handled, 'before')
    const devTools = await cdpOf(rig.context, leader)
    const harmedAt = performance.now()
    await harm(devTools)
    // What is sent while nobody leads arrives all the same.
    await others[0]?.evaluate(() => client.send('meanwhile'))
    await vi.waitFor(() => expect(rig.server.handled).toContain('meanwhile'), { timeout: 5000, interval: 5 })
    expect(performance.now() - harmedAt).toBeLessThan(2000)
    await exchange(others, rig.server.handled, 'after')
    expect(rig.server.sessions.size).toBe(1)
    expect(rig.server.handled.filter((text) => text === 'meanwhile')).toHaveLength(1)
  },
  60_000,
)

it('wakes a frozen leader, which follows and has missed nothing', async () => {
  await using rig = await start()
  for (let index = 0; index < 3; index += 1) await isOpenSoon(await rig.open())
  const [leader, ...others] = rig.tabs
  if (!leader) throw new RangeError('There is no leader.')
  const devTools = await cdpOf(rig.context, leader)
  await devTools.send('Page.setWebLifecycleState', { state: 'frozen' })
  await exchange(others, rig.server.handled, 'meanwhile')
  await devTools.send('Page.setWebLifecycleState', { state: 'active' })
  await exchange(rig.tabs, rig.server.handled, 'after')
  const { taken, events } = await logOf(leader)
  expect(taken).toEqual(rig.server.handled.map((text) => `${text} is taken`))
  expect(events).not.toContain('gap')
  await sleep(1500)
  expect(rig.server.attachments()).toBe(1)
}, 60_000)

it('leaves connections to the page: with WebSocket blocked the eighth tab loads in less than a second', async () => {
  await using rig = await start()
  await rig.context.addInitScript(() => Reflect.deleteProperty(globalThis, 'WebSocket'))
  for (let index = 0; index < 7; index += 1) await isOpenSoon(await rig.open())
  const startedAt = performance.now()
  const eighth = await rig.open()
  expect(performance.now() - startedAt).toBeLessThan(1000)
  await isOpenSoon(eighth)
  await exchange(rig.tabs, rig.server.handled, 'http')
}, 60_000)

async function isOpenSoon(page: Page): Promise<void> {
  await vi.waitFor(() => isOpen(page), patient)
}

function cdpOf(context: BrowserContext, page: Page): Promise<CDPSession> {
  return context.newCDPSession(page)
}
