import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import { describe, expect, it, vi } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { want } from '../support/equipment.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { SCRIPT, startInPage, until } from '../support/page-client.ts'
import { startReferenceServer } from '../support/reference-server.ts'
import { launchWithPageCache, useChromium } from '../support/use-chromium.ts'

/** What happens to the connection of a real page: the network drops, the page is hidden, frozen, cached, and restored. */
let browser: Browser
useChromium((started) => {
  browser = started
}, launchWithPageCache)

async function start(withProxy = true) {
  const server = await startReferenceServer({ page: { script: SCRIPT }, from: 'oldest', commentEveryMs: 200 })
  const proxy = await startFaultProxy({ target: { port: server.port } })
  const opened = await openPage(browser, { origin: withProxy ? proxy.url : server.origin })
  return {
    server,
    proxy,
    opened,
    page: opened.page,
    async [Symbol.asyncDispose]() {
      await opened.close()
      await proxy.close()
      await server.close()
    },
  }
}

describe('when the browser goes offline', () => {
  it('the client resumes within 3 s of coming online, and misses no message', async () => {
    await using test = await start()
    await startInPage(test.page, '/events', { transports: ['sse', 'long-poll'] })
    test.server.publish('before')
    await until(test.page, ({ data }) => expect(data).toEqual(['before']))
    await test.page.context().setOffline(true)
    test.proxy.killAll()
    const offline = await until(test.page, ({ state }) => expect(state.status).toBe('offline'))
    expect(offline.closes).toMatchObject([{ code: 1006, final: false }])
    test.server.publish('meanwhile')
    await sleep(2500) // attempts continue: onLine is only a hint
    await test.page.context().setOffline(false)
    await until(test.page, ({ data }) => expect(data).toEqual(['before', 'meanwhile']), 3000)
    expect(test.opened.errors).toEqual([])
  })

  it('a connection that still works is kept', async () => {
    await using test = await start()
    await startInPage(test.page, '/events')
    await until(test.page, ({ opened }) => expect(opened).toEqual(['websocket']))
    await test.page.evaluate(() => dispatchEvent(new Event('offline')))
    await sleep(300)
    await test.page.evaluate(() => dispatchEvent(new Event('online')))
    test.server.publish('hello')
    await until(test.page, ({ data }) => expect(data).toEqual(['hello']))
    expect((await until(test.page, () => {})).opened).toEqual(['websocket'])
  })
})

describe('a half-open WebSocket', () => {
  it('is replaced within 5 s when the page is resumed after a freeze', async () => {
    await using test = await start()
    await startInPage(test.page, '/events')
    await until(test.page, ({ opened }) => expect(opened).toEqual(['websocket']))
    // A headless page is never hidden, and Chromium freezes hidden pages only, so the test dispatches the event itself.
    await test.proxy.set({ type: 'half-open' })
    await test.page.evaluate(() => document.dispatchEvent(new Event('resume')))
    const log = await until(test.page, ({ opened }) => expect(opened).toHaveLength(2), 5000)
    expect(log.causes).toEqual(['conn.silent'])
    test.server.publish('hello')
    await until(test.page, ({ data }) => expect(data).toEqual(['hello']))
  })

  it('is replaced within 3 s of a pageshow from the back/forward cache', async () => {
    await using test = await start()
    await startInPage(test.page, '/events')
    await until(test.page, ({ opened }) => expect(opened).toEqual(['websocket']))
    await test.proxy.set({ type: 'half-open' })
    await test.page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })))
    await until(test.page, ({ opened, causes }) => expect([opened.length, causes]).toEqual([2, ['conn.restored']]), 3000)
  })
})

it('a hidden page polls less often, and polls at once when it is shown', async () => {
  await using test = await start()
  await test.page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, value: 'hidden' })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await startInPage(test.page, '/events', { transports: [{ type: 'poll', url: '?mode=poll', intervalMs: 300 }] })
  await until(test.page, ({ opened }) => expect(opened).toEqual(['poll']))
  await sleep(1200)
  const polls = () => test.server.requests.filter(({ transport }) => transport === 'poll').length
  expect(polls()).toBe(1)
  await test.page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, value: 'visible' })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await vi.waitFor(() => expect(polls()).toBeGreaterThanOrEqual(2), 250)
  await vi.waitFor(() => expect(polls()).toBeGreaterThanOrEqual(5), 3000)
})

describe.each(['websocket', 'sse', 'long-poll'] as const)('the back/forward cache, over %s', (transport) => {
  it('stores a page whose client disconnects, and restores it with a client that resumes', async (context) => {
    await want(context, 'a Chromium with windows')
    await using test = await start()
    const { page, server } = test
    await startInPage(page, '/events', { transports: [transport] })
    server.publish('before')
    await until(page, ({ data }) => expect(data).toEqual(['before']))
    await page.evaluate(() => Object.assign(globalThis, { isSamePage: true }))

    await page.goto(`${test.proxy.url}/?elsewhere`)
    await vi.waitFor(() => expect(server.connections()).toBe(0), 3000)
    const requests = server.requests.length
    await sleep(500)
    expect(server.requests).toHaveLength(requests)
    if (transport !== 'websocket') server.publish('meanwhile')

    await page.evaluate(() => history.back())
    await vi.waitFor(() => page.evaluate(() => 'isSamePage' in globalThis).then((is) => expect(is).toBe(true)), 5000)
    const log = await until(page, ({ opened }) => expect(opened).toEqual([transport, transport]), 6000)
    expect(log.closes).toEqual([{ code: 1001, final: false }])
    expect(log.causes).toEqual([])
    server.publish('after')
    const resumed = transport === 'websocket' ? [] : ['meanwhile']
    await until(page, ({ data }) => expect(data.filter((each) => each !== 'before')).toEqual([...resumed, 'after']))
    const reasons = await page.evaluate(() => {
      const [entry] = performance.getEntriesByType('navigation') as { notRestoredReasons?: unknown }[]
      return JSON.stringify(entry?.notRestoredReasons ?? null)
    })
    expect(reasons).toBe('null')
    expect(test.opened.errors).toEqual([])
  })
})

it('leaving a page closes its connection, without errors or console output', async () => {
  await using test = await start()
  await startInPage(test.page, '/events', { transports: ['sse'] })
  await until(test.page, ({ opened }) => expect(opened).toEqual(['sse']))
  await test.page.goto('about:blank')
  await vi.waitFor(() => expect(test.server.connections()).toBe(0))
  expect([test.opened.console, test.opened.errors]).toEqual([[], []])
})
