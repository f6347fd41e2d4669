import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { buildTabScript, startTabServer } from '../support/shared-tabs.ts'
import { useChromium } from '../support/use-chromium.ts'

interface UsedTopic {
  readonly log: readonly unknown[]
  readonly topic: { publish(data: string): Promise<number>; unsubscribe(): void }
}

declare const begin: (path: string, key: string, transports: readonly string[]) => void
declare const client: { request(data: string): Promise<string>; readonly state: { readonly status: string } }
declare const topic: (name: string, options?: object) => void
declare const topics: Readonly<Record<string, UsedTopic>>

let browser: Browser
let script: Awaited<ReturnType<typeof buildTabScript>>
useChromium((started) => {
  browser = started
})
beforeAll(async () => {
  script = await buildTabScript()
})
afterAll(() => script?.remove())

const patient = { timeout: 8000, interval: 20 }

async function start(count: number) {
  const server = await startTabServer(script.path)
  const origin = new URL(server.urls[0] ?? '').origin
  const opened = await openPage(browser, { origin })
  const context = opened.page.context()
  const tabs: Page[] = []
  for (let index = 0; index < count; index += 1) {
    const page = await context.newPage()
    await page.goto(`${origin}/`)
    await page.evaluate(([path]) => begin(path, 'somebody', ['websocket', 'long-poll']), [server.urls[0] ?? ''] as const)
    await vi.waitFor(async () => expect(await page.evaluate(() => client.state.status)).toBe('open'), patient)
    tabs.push(page)
  }
  return {
    ...{ server, tabs },
    async [Symbol.asyncDispose]() {
      await opened.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

it('[SP21] each tab gets the replies to its own requests, also where the leader goes meanwhile', async () => {
  await using rig = await start(3)
  const [leader, ...others] = rig.tabs
  const ask = (page: Page, name: string): Promise<string[]> =>
    page.evaluate(([prefix]) => Promise.all(Array.from({ length: 10 }, (_, each) => client.request(`${prefix} ${each}`))), [
      name,
    ] as const)
  const expected = (name: string) => Array.from({ length: 10 }, (_, each) => `re: ${name} ${each}`)
  const replies = await Promise.all(rig.tabs.map((page, index) => ask(page, `a${index}`)))
  expect(replies).toEqual(rig.tabs.map((_, index) => expected(`a${index}`)))
  const asked = others.map((page, index) => ask(page, `b${index}`))
  await sleep(10)
  await leader?.close({ runBeforeUnload: false })
  expect(await Promise.all(asked)).toEqual(others.map((_, index) => expected(`b${index}`)))
  expect(rig.server.handled.toSorted()).toEqual([...new Set(rig.server.handled)].toSorted())
  expect(rig.server.handled).toHaveLength(50)
  expect(rig.server.errors).toEqual([])
}, 60_000)

it('[SP22] tabs share the subscription of a topic, and one that leaves it does not take it from the others', async () => {
  await using rig = await start(3)
  const [first, second, third] = rig.tabs as [Page, Page, Page]
  const logOf = (page: Page) => page.evaluate(() => topics['news']?.log)
  const publish = (data: string) => rig.server.servers[0]?.publish('news', data)
  for (const each of ['x', 'y']) await publish(each)
  await first.evaluate(() => topic('news'))
  await second.evaluate(() => topic('news', { since: 'start' }))
  await vi.waitFor(async () => expect(await logOf(second)).toEqual(['x', 'y']), patient)
  expect(await second.evaluate(() => topics['news']?.topic.publish('a'))).toBe(3)
  await vi.waitFor(async () => expect(await logOf(first)).toEqual(['a']), patient)
  await vi.waitFor(async () => expect(await logOf(second)).toEqual(['x', 'y', 'a']), patient)
  await second.evaluate(() => topics['news']?.topic.unsubscribe())
  for (const each of ['b', 'c']) {
    await publish(each)
    await sleep(400)
  }
  await vi.waitFor(async () => expect(await logOf(first)).toEqual(['a', 'b', 'c']), patient)
  expect(await logOf(second)).toEqual(['x', 'y', 'a'])
  expect(await third.evaluate(() => 'topics' in globalThis)).toBe(false)
}, 60_000)

it('[SP21] a request of the server is answered by one tab', async () => {
  await using rig = await start(3)
  const [id] = rig.server.sessions
  const handle = await rig.server.servers[0]?.session(id ?? '')
  expect(await handle?.request('who?')).toBe('page: who?')
}, 60_000)
