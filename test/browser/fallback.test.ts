import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import { describe, expect, it, vi } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { type Fault, startFaultProxy } from '../support/fault-proxy.ts'
import { closeInPage, logOf, SCRIPT, startInPage, until } from '../support/page-client.ts'
import { type ReferenceServerOptions, startReferenceServer } from '../support/reference-server.ts'
import { useChromium } from '../support/use-chromium.ts'
import { numbered, publishSlowly } from '../support/watched-client.ts'

/** The whole transport ranking in a real browser, behind a fault proxy. */
let browser: Browser
useChromium((started) => {
  browser = started
})

/** Opens a page at the proxy's origin, so that the client's requests are same-origin. */
async function start(options: ReferenceServerOptions, ...faults: readonly Fault[]) {
  const server = await startReferenceServer({ page: { script: SCRIPT }, commentEveryMs: 100, ...options })
  const proxy = await startFaultProxy({ target: { port: server.port } })
  const opened = await openPage(browser, { origin: proxy.url })
  await proxy.set(...faults)
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

const ranking = ['websocket', 'sse', 'long-poll', { type: 'poll', url: '?mode=poll', intervalMs: 50 }] as const

describe('a WebSocket upgrade', () => {
  it('that succeeds is the only attempt', async () => {
    await using test = await start({})
    await startInPage(test.page, '/events')
    await until(test.page, ({ opened }) => expect(opened).toEqual(['websocket']))
    await sleep(700)
    expect(test.server.requests.map(({ transport }) => transport)).toEqual(['websocket'])
    await closeInPage(test.page)
    expect([test.opened.console, test.opened.errors]).toEqual([[], []])
  })

  it('that is refused makes the client fall back to SSE within 1 s, and is not repeated', async () => {
    await using test = await start({}, { type: 'refuse-upgrade', status: 403 })
    await startInPage(test.page, '/events')
    await until(test.page, ({ opened }) => expect(opened).toEqual(['sse']), 1000)
    await publishSlowly(test.server.publish, numbered(20), 50)
    await until(test.page, ({ data }) => expect(data).toEqual(numbered(20)))
    expect(test.proxy.dials('websocket')).toHaveLength(1)
  })

  it('that is never answered loses the race to SSE, and its socket is closed', async () => {
    await using test = await start({}, { type: 'swallow-upgrade' })
    await startInPage(test.page, '/events')
    await until(test.page, ({ opened }) => expect(opened).toEqual(['sse']), 2500)
    await vi.waitFor(() => expect(test.proxy.connections('websocket')).toBe(0), 4000)
    await publishSlowly(test.server.publish, numbered(5))
    await until(test.page, ({ data }) => expect(data).toEqual(numbered(5)))
    expect(test.opened.errors).toEqual([])
  })

  it('that is reset 150 ms after each open leads to SSE within 3 s and 3 dials, and the client stays there', async () => {
    await using test = await start({}, { type: 'kill-after-open', ms: 150, only: 'websocket' })
    await startInPage(test.page, '/events', { provingMs: 1000 })
    await until(test.page, ({ opened }) => expect(opened).toContain('sse'), 3000)
    await publishSlowly(test.server.publish, numbered(50), 50)
    await until(test.page, ({ data }) => expect(data).toEqual(numbered(50)))
    expect(test.proxy.dials('websocket').length).toBeLessThanOrEqual(3)
    expect(test.proxy.dials('event-stream')).toHaveLength(1)
  })
})

it('the client falls back to long-poll where a proxy buffers event streams, headers included', async () => {
  await using test = await start({ from: 'oldest' }, { type: 'swallow-upgrade' }, { type: 'buffer', only: 'event-stream' })
  test.server.publish('hello')
  await startInPage(test.page, '/events')
  await until(test.page, ({ data }) => expect(data).toEqual(['hello']), 8000)
  expect((await logOf(test.page)).carriers).toEqual(['long-poll'])
})

it('the client ends on poll when the other transports are blocked, and loses no message', async () => {
  await using test = await start(
    { from: 'oldest', holdMs: 5000 },
    { type: 'refuse-upgrade', status: 502 },
    { type: 'reset', only: 'event-stream' },
  )
  test.server.answer('long-poll', { status: 404 })
  await startInPage(test.page, '/events', { transports: ranking })
  await publishSlowly(test.server.publish, numbered(30), 10)
  await until(test.page, ({ data }) => expect(data).toEqual(numbered(30)))
  expect((await logOf(test.page)).opened).toEqual(['poll'])
})

it('the client detects a half-open WebSocket by its heartbeat and replaces it', async () => {
  await using test = await start({})
  await startInPage(test.page, '/events', {
    heartbeat: { message: 'beat', reply: 'beat', intervalMs: 200, timeoutMs: 300 },
    retry: { minDelayMs: 100 },
  })
  await until(test.page, ({ opened }) => expect(opened).toHaveLength(1))
  await sleep(600)
  await test.proxy.set({ type: 'half-open' })
  await until(test.page, ({ opened, causes }) => expect([opened.length, causes]).toEqual([2, ['conn.silent']]), 4000)
  test.server.publish('hello')
  await until(test.page, ({ data }) => expect(data).toEqual(['hello']))
})

describe('the transport memory', () => {
  it('survives a reload: the remembered transport is dialled first, without a race', async () => {
    await using test = await start({ from: 'latest' }, { type: 'swallow-upgrade' })
    await startInPage(test.page, '/events', { provingMs: 300 })
    await until(test.page, ({ state }) => expect(state).toMatchObject({ transport: 'sse', proven: true }))
    const dials = () => test.proxy.dials('websocket').length
    expect(dials()).toBe(1)
    const remembered = () => test.page.evaluate(() => Object.keys(localStorage))
    // The WebSocket attempt may still open: the client abandons it two seconds after SSE has opened.
    await vi.waitFor(async () => expect(await remembered()).toHaveLength(1), 5000)

    await test.page.reload({ waitUntil: 'load' })
    const startedAt = performance.now()
    await startInPage(test.page, '/events', { retry: { minDelayMs: 50, maxDelayMs: 50 } })
    await until(test.page, ({ opened }) => expect(opened).toEqual(['sse']))
    expect(performance.now() - startedAt).toBeLessThan(450) // without waiting for a race
    expect(dials()).toBe(1)
    expect(await remembered()).toEqual([`steadfast:${test.proxy.url}`])
  })

  it('is ignored when it is malformed, expired, or dated too far in the future', async () => {
    await using test = await start({})
    for (const memory of [
      '{',
      '[]',
      '{"transport":"sse","until":1}',
      '{"transport":"sse","until":9e15}',
      '{"transport":"fax"}',
    ]) {
      await test.page.evaluate((text) => localStorage.setItem(`steadfast:${location.origin}`, text), memory)
      await startInPage(test.page, '/events')
      await until(test.page, ({ opened }) => expect(opened).toEqual(['websocket']))
      await closeInPage(test.page)
    }
    expect(test.opened.errors).toEqual([])
  })
})
