import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { expect, it, vi } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { logOf, SCRIPT, startInPage, until } from '../support/page-client.ts'
import { startReferenceServer } from '../support/reference-server.ts'
import { useChromium } from '../support/use-chromium.ts'

/** Browsers open six HTTP/1.1 connections to an origin, for all tabs together: a client that holds all six blocks the site. */
let browser: Browser
useChromium((started) => {
  browser = started
})

it('eight tabs leave connections free: each document, and a fetch of the eighth tab, takes less than a second', async () => {
  await using server = await startReferenceServer({ page: { script: SCRIPT }, from: 'oldest' })
  await using opened = await openPage(browser, { origin: server.origin })
  const context = opened.page.context()
  await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'WebSocket'))
  const transports = ['websocket', 'sse', 'long-poll', { type: 'poll', url: '?mode=poll', intervalMs: 200 }] as const
  const tabs: Page[] = []
  for (let tab = 1; tab <= 8; tab += 1) {
    const page = await context.newPage()
    const startedAt = performance.now()
    await page.goto(`${server.origin}/`, { waitUntil: 'load', timeout: 5000 })
    expect(performance.now() - startedAt, `the document of tab ${tab}`).toBeLessThan(1000)
    await startInPage(page, '/events', { transports })
    await until(page, ({ opened }) => expect(opened).toHaveLength(1))
    tabs.push(page)
  }
  const held = () => server.connections('sse') + server.connections('long-poll')
  await sleep(2500) // a long-poll would be open by now
  expect(held()).toBe(4)
  const carriers = await Promise.all(tabs.map(async (tab) => (await logOf(tab)).opened))
  expect(carriers.flat().filter((transport) => transport === 'poll')).toHaveLength(4)

  const took = await tabs[7]?.evaluate(async () => {
    const startedAt = performance.now()
    await fetch('/favicon.ico')
    return performance.now() - startedAt
  })
  expect(took).toBeLessThan(1000)
  server.publish('to all')
  for (const tab of tabs) await until(tab, ({ data }) => expect(data).toEqual(['to all']))

  // A tab that closes releases its slot, and a new tab takes it.
  await tabs[0]?.close()
  await vi.waitFor(() => expect(held()).toBe(3))
  const page = await context.newPage()
  await page.goto(`${server.origin}/`)
  await startInPage(page, '/events', { transports })
  await until(page, ({ opened }) => expect(opened).toEqual(['sse']))
  expect(held()).toBe(4)
})
