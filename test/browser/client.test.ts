import { basename } from 'node:path'
import type { Browser } from 'playwright-core'
import { describe, expect, it, vi } from 'vitest'
import type { TransportSettings } from '../../src/index.ts'
import { type OpenedPage, type OpenPageOptions, openPage } from '../support/browser-page.ts'
import { closeInPage, logOf, type PageGlobals, SCRIPT, send, startInPage, until } from '../support/page-client.ts'
import { startReferenceServer } from '../support/reference-server.ts'
import { useChromium } from '../support/use-chromium.ts'
import { numbered, publishSlowly } from '../support/watched-client.ts'

/** The built script-tag file in a real browser against a real server. */
let browser: Browser

useChromium((started) => {
  browser = started
})

const transports = [
  { type: 'websocket' },
  { type: 'sse' },
  { type: 'long-poll' },
  { type: 'poll', url: '?mode=poll', intervalMs: 20 },
] as const satisfies readonly TransportSettings[]

/** A page whose globals were changed before its scripts ran. */
async function openChanged(options: OpenPageOptions, change: () => void): Promise<OpenedPage> {
  const opened = await openPage(browser, options)
  await opened.page.addInitScript(change)
  await opened.page.reload({ waitUntil: 'load' })
  return opened
}

describe.each(transports.map((settings) => [settings.type, settings] as const))('%s', (type, settings) => {
  it.each(['same', 'other'])(
    'carries messages both ways, in order, from the %s origin, and prints nothing to the console',
    async (origin) => {
      await using server = await startReferenceServer({ page: { script: SCRIPT }, from: 'oldest', echo: false, cors: 'exposed' })
      await using opened = await openPage(browser, origin === 'same' ? { origin: server.origin } : { script: SCRIPT })
      const { page } = opened
      await startInPage(page, origin === 'same' ? '/events' : server.url, { transports: [settings] })
      await send(page, ...numbered(10))
      await publishSlowly(server.publish, numbered(40), 2)
      await until(page, ({ data }) => expect(data).toHaveLength(40))
      await send(page, ...numbered(10, 11))
      await vi.waitFor(() => expect(server.received.map(({ data }) => data)).toEqual(numbered(20)), 5000)
      expect(await logOf(page)).toMatchObject({ data: numbered(40), opened: [type], causes: [] })
      expect(await closeInPage(page)).toEqual({ unsent: [], unconfirmed: [] })
      await vi.waitFor(() => expect(server.connections()).toBe(0))
      expect(server.requests.filter(({ transport }) => transport === 'preflight')).toEqual([])
      expect([opened.console, opened.errors]).toEqual([[], []])
    },
  )

  // A plain WebSocket has no cursor.
  const resuming = type === 'websocket' ? [] : [type]
  it.each(resuming)('resumes over %s after each restart of the server without losing or repeating a message', async () => {
    await using server = await startReferenceServer({ page: { script: SCRIPT }, from: 'oldest' })
    await using opened = await openPage(browser, { origin: server.origin })
    await startInPage(opened.page, '/events', { transports: [settings], retry: { minDelayMs: 50, maxDelayMs: 50 } })
    const publishing = publishSlowly(server.publish, numbered(120), 10)
    for (let restart = 0; restart < 3; restart += 1) {
      await vi.waitFor(async () => expect((await logOf(opened.page)).data.length).toBeGreaterThan(restart * 10))
      await server.restart({ downMs: 60 })
    }
    await publishing
    await until(opened.page, ({ data }) => expect(data.at(-1)).toBe('m120'))
    expect((await logOf(opened.page)).data).toEqual(numbered(120))
    if (type === 'sse') {
      const resumed = server.requests.filter(({ headers }) => headers['last-event-id'] !== undefined)
      expect(resumed.length).toBeGreaterThanOrEqual(3)
    }
  })
})

it('a client sends and receives bytes over WebSocket', async () => {
  await using server = await startReferenceServer({ page: { script: SCRIPT } })
  await using opened = await openPage(browser, { origin: server.origin })
  await startInPage(opened.page, '/events')
  await opened.page.evaluate(() => {
    const { client } = globalThis as unknown as PageGlobals
    client.send(Uint8Array.of(1, 2, 255))
    client.send(new Blob([Uint8Array.of(9)]))
  })
  await until(opened.page, ({ data }) => expect(data).toEqual([[1, 2, 255], [9]]))
})

describe('a Content-Security-Policy', () => {
  it.each(transports.map(({ type }, index) => [type, index] as const))(
    'that is strict does not block %s',
    async (type, index) => {
      const page = { script: SCRIPT, csp: true } as const
      await using server = await startReferenceServer({ page, from: 'oldest' })
      await using opened = await openPage(browser, { origin: server.origin })
      server.publish('hello')
      await startInPage(opened.page, '/events', { transports: transports.slice(index) })
      await until(opened.page, ({ data, opened }) => expect([data, opened]).toEqual([['hello'], [type]]))
      await send(opened.page, 'up')
      await vi.waitFor(() => expect(server.received).toHaveLength(1))
      await closeInPage(opened.page)
      expect([opened.console, opened.errors, await opened.violations()]).toEqual([[], [], []])
    },
  )

  it('that forbids the server makes attempts fail with policy.csp, and throws no exception', async () => {
    await using server = await startReferenceServer({ cors: 'exposed' })
    const csp = "default-src 'none'; script-src 'self'; connect-src 'self'"
    await using opened = await openPage(browser, { script: SCRIPT, csp })
    await startInPage(opened.page, server.url, { retry: { minDelayMs: 20, maxDelayMs: 20 } })
    // The event that reports the violation may fire a moment after the request has failed.
    await until(opened.page, ({ causes }) =>
      expect([causes[0], causes.length > 5, causes.at(-1)]).toEqual(['policy.csp', true, 'policy.csp']),
    )
    // A policy of the page is not an answer of the server, so the client keeps retrying, with growing backoff.
    await until(opened.page, ({ state }) => expect(state.status).toBe('waiting'))
    expect([server.requests, opened.errors]).toEqual([[], []])
    await closeInPage(opened.page)
  })
})

describe('a browser that lacks', () => {
  it('WebSocket falls back to SSE', async () => {
    await using server = await startReferenceServer({ page: { script: SCRIPT }, from: 'oldest' })
    await using opened = await openChanged({ origin: server.origin }, () => Reflect.deleteProperty(globalThis, 'WebSocket'))
    server.publish('hello')
    await startInPage(opened.page, '/events')
    const log = await until(opened.page, ({ data }) => expect(data).toEqual(['hello']))
    expect(log).toMatchObject({ opened: ['sse'], causes: ['client.unsupported'] })
    expect(opened.console).toEqual([])
  })

  it('streaming in fetch falls back to long-poll', async () => {
    await using server = await startReferenceServer({ page: { script: SCRIPT }, from: 'oldest' })
    await using opened = await openChanged({ origin: server.origin }, () => {
      Reflect.deleteProperty(globalThis, 'WebSocket')
      Reflect.deleteProperty(Response.prototype, 'body')
    })
    server.publish('hello')
    await startInPage(opened.page, '/events')
    const log = await until(opened.page, ({ data }) => expect(data).toEqual(['hello']))
    expect(log).toMatchObject({ opened: ['long-poll'], causes: ['client.unsupported', 'client.unsupported'] })
    await vi.waitFor(() => expect(server.connections('sse')).toBe(0))
    expect([opened.console, opened.errors]).toEqual([[], []])
  })

  it('both WebSocket and fetch reports client.unsupported, and throws no exception', async () => {
    await using server = await startReferenceServer({ page: { script: SCRIPT } })
    await using opened = await openChanged({ origin: server.origin }, () => {
      for (const name of ['WebSocket', 'fetch']) Reflect.deleteProperty(globalThis, name)
    })
    await startInPage(opened.page, '/events')
    const { causes } = await until(opened.page, ({ causes }) => expect(causes.length).toBeGreaterThanOrEqual(4))
    expect(new Set(causes)).toEqual(new Set(['client.unsupported']))
    expect([opened.console, opened.errors]).toEqual([[], []])
  })

  it('storage, locks and navigation timing still connects', async () => {
    await using server = await startReferenceServer({ page: { script: SCRIPT }, from: 'oldest' })
    await using opened = await openChanged({ origin: server.origin }, () => {
      Object.defineProperty(globalThis, 'localStorage', {
        get() {
          throw new DOMException('no', 'SecurityError')
        },
      })
      Object.defineProperty(navigator, 'locks', { value: undefined })
      Object.defineProperty(performance, 'getEntriesByType', { value: undefined })
    })
    server.publish('hello')
    await startInPage(opened.page, '/events', { transports: ['sse', 'poll'] })
    await until(opened.page, ({ data }) => expect(data).toEqual(['hello']))
    expect([opened.console, opened.errors]).toEqual([[], []])
  })
})

it('the script file works in a worker by importScripts, and its clients connect by themselves', async () => {
  await using server = await startReferenceServer({ page: { script: SCRIPT }, from: 'oldest', cors: 'exposed' })
  await using opened = await openPage(browser, { origin: server.origin })
  server.publish('hello')
  const said = await opened.page.evaluate(
    ([script, url]) =>
      new Promise<unknown[]>((resolve, reject) => {
        const code = `importScripts('${script}')
for (const transports of [['websocket'], ['sse']]) {
  const client = new Steadfast.RealtimeClient('${url}', { transports })
  client.onmessage = ({ data, transport }) => { postMessage([data, transport]); client.close() }
}`
        const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })))
        const heard: unknown[] = []
        worker.onerror = ({ message }) => reject(new Error(message))
        worker.onmessage = ({ data }) => heard.push(data) === 2 && resolve(heard)
      }),
    [`${server.origin}/${basename(SCRIPT)}`, server.url] as const,
  )
  expect(said.toSorted()).toEqual([
    ['hello', 'sse'],
    ['hello', 'websocket'],
  ])
  expect([opened.console, opened.errors]).toEqual([[], []])
})
