import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { want } from '../support/equipment.ts'
import { buildTabScript, patient, startTabServer, type TabLog } from '../support/shared-tabs.ts'
import { launchWithPageCache, useChromium } from '../support/use-chromium.ts'

declare const begin: (path: string, key: string, transports: readonly string[]) => void
declare const tabLog: () => TabLog
declare const topic: (name: string) => void
declare const topics: Readonly<Record<string, { readonly log: readonly unknown[] }>>

let browser: Browser
let script: Awaited<ReturnType<typeof buildTabScript>>
beforeAll(async () => {
  script = await buildTabScript()
})
afterAll(() => script?.remove())
useChromium((started) => {
  browser = started
}, launchWithPageCache)

/** Opens tabs of one browser, of which the first leads. */
async function start(count: number) {
  const server = await startTabServer(script.path)
  const path = server.urls[0] ?? ''
  const { origin } = new URL(path)
  const context = await browser.newContext()
  const open = async (prepare: () => void = () => {}): Promise<Page> => {
    const page = await context.newPage()
    await page.goto(`${origin}/`, { waitUntil: 'load' })
    await page.evaluate(prepare)
    await page.evaluate((url) => begin(url, 'somebody', ['websocket']), path)
    await until(page, ({ status }) => expect(status).toBe('open'))
    return page
  }
  const tabs: Page[] = []
  while (tabs.length < count) tabs.push(await open())
  return {
    server,
    tabs,
    open,
    elsewhere: (page: Page) => page.goto(`${origin}/?elsewhere`, { waitUntil: 'load' }),
    async back(page: Page) {
      await page.evaluate(() => history.back())
      await vi.waitFor(
        async () => expect(await page.evaluate(() => 'tabLog' in globalThis && 'client' in globalThis)).toBe(true),
        patient,
      )
    },
    async [Symbol.asyncDispose]() {
      await context.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

const until = (page: Page, assertion: (log: TabLog) => void) =>
  vi.waitFor(async () => assertion(await page.evaluate(() => tabLog())), patient)
const topicLog = (page: Page) => page.evaluate(() => topics['news']?.log)

it('a leader that comes back from the back/forward cache follows, and has missed nothing', async (context) => {
  await want(context, 'a Chromium with windows')
  await using rig = await start(2)
  const [leader, other] = rig.tabs as [Page, Page]
  const { server } = rig
  const publish = (data: string) => server.servers[0]?.publish('news', data)
  const subscriptions = async () => {
    const [id = ''] = server.sessions
    const read = await server.store.sessions.read(id)
    return read?.record.subscriptions.map((each) => each.topic)
  }
  await leader.evaluate(() => topic('news'))
  await vi.waitFor(async () => expect(await subscriptions()).toEqual(['news']), patient)
  await publish('before')
  await vi.waitFor(async () => expect(await topicLog(leader)).toEqual(['before']), patient)

  await rig.elsewhere(leader)
  await until(other, ({ events }) => expect(events).toEqual(['open', 'close 1001', 'resumed']))
  // Nobody shows the topic now.
  await vi.waitFor(async () => expect(await subscriptions()).toEqual([]), patient)
  await publish('meanwhile')
  await other.evaluate(() => (globalThis as unknown as { client: { send(data: string): void } }).client.send('hello'))
  await until(other, ({ taken }) => expect(taken).toContain('hello is taken'))

  await rig.back(leader)
  await vi.waitFor(async () => expect(await topicLog(leader)).toEqual(['before', 'meanwhile']), patient)
  await until(leader, ({ status, taken, events }) => {
    expect(status).toBe('open')
    expect(taken.filter((each) => each.endsWith('is taken'))).toEqual(['hello is taken'])
    expect(events).not.toContain('gap')
  })
  await publish('after')
  await vi.waitFor(async () => expect(await topicLog(leader)).toEqual(['before', 'meanwhile', 'after']), patient)
  expect([server.sessions.size, server.attachments(), server.errors]).toEqual([1, 1, []])
}, 60_000)

it('the only tab resumes its session when it comes back from the back/forward cache', async (context) => {
  await want(context, 'a Chromium with windows')
  await using rig = await start(1)
  const [page] = rig.tabs as [Page]
  await page.evaluate(() => topic('news'))
  await vi.waitFor(async () => expect(await rig.server.servers[0]?.metrics().attachments.open).toBeDefined(), patient)
  await rig.elsewhere(page)
  const [id = ''] = rig.server.sessions
  await (await rig.server.servers[0]?.session(id))?.send('meanwhile')
  await rig.back(page)
  await until(page, ({ taken, events }) => expect([taken, events]).toEqual([['meanwhile'], ['open', 'close 1001', 'resumed']]))
  expect(rig.server.sessions.size).toBe(1)
}, 60_000)

it.each([
  ['BroadcastChannel', (): void => void Reflect.deleteProperty(globalThis, 'BroadcastChannel')],
  ['Web Locks', (): void => void Object.defineProperty(navigator, 'locks', { value: undefined })],
] as const)(
  'without %s each tab has a session of its own',
  async (_, prepare) => {
    await using rig = await start(0)
    for (const each of [1, 2]) {
      await rig.open(prepare)
      expect(rig.server.sessions.size).toBe(each)
    }
  },
  60_000,
)
