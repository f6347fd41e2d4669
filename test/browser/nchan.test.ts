import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type * as Protocols from '../../src/protocols/index.ts'
import { type OpenedPage, openPage } from '../support/browser-page.ts'
import { isEquippedWith, want } from '../support/equipment.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type Nchan, startNchan } from '../support/nchan.ts'
import { closeInPage, logOf, type PageClientLog, type PageGlobals, SCRIPT, startInPage, until } from '../support/page-client.ts'
import { useChromium } from '../support/use-chromium.ts'
import { numbered, publishSlowly } from '../support/watched-client.ts'

/** nginx with nchan, a third-party server: one URL and one cursor for all four transports. */
let browser: Browser
let nchan: Nchan
let protocols: string
let channel = ''
let channels = 0

useChromium((started) => {
  browser = started
})
beforeAll(async () => {
  if (!(await isEquippedWith('nginx'))) return
  const entryPoints = [resolve(import.meta.dirname, '../../dist/protocols.js')]
  const { outputFiles } = await build({ entryPoints, bundle: true, format: 'iife', globalName: 'Protocols', write: false })
  protocols = outputFiles[0]?.text ?? ''
  nchan = await startNchan({ script: SCRIPT })
}, 180_000)
afterAll(async () => {
  if (nchan) expect(nchan.log()).not.toContain('exited on signal')
  await nchan?.close()
})

beforeEach(async (context) => {
  await want(context, 'nginx')
  channels += 1
  channel = `c${channels}`
  await nchan.publish(channel, 'prime') // nchan's worker dies of two subscribers on an empty channel
})

/** Publishes to the channel of the calling test, even if the publisher outlives a test that failed. */
function publishing(messages: readonly string[], everyMs?: number): Promise<void> {
  const here = channel
  return publishSlowly((message) => nchan.publish(here, message), messages, everyMs)
}
const expected = (count: number) => ['prime', ...numbered(count)]

/** A page on nchan's own origin, behind the proxy, whose clients speak nchan and whose clock runs `haste` times as fast. */
async function openHere(origin: string, haste = 1): Promise<OpenedPage> {
  const opened = await openPage(browser, { origin })
  await opened.page.addScriptTag({ content: `${protocols};globalThis.Protocols = Protocols` })
  await opened.page.evaluate((haste) => {
    const scope = globalThis as unknown as PageGlobals & { Protocols: typeof Protocols }
    const start = Date.now()
    const host = {
      now: () => start + (Date.now() - start) * haste,
      after(ms: number, run: () => void) {
        const timer = setTimeout(run, ms / haste)
        return () => clearTimeout(timer)
      },
    }
    scope.defaults = { protocol: scope.Protocols.nchan(), ...(haste > 1 && { host }) }
  }, haste)
  return opened
}

async function hears(page: Page, carrier: string): Promise<PageClientLog> {
  const before = (await logOf(page)).data.length
  return until(page, ({ carriers }) => expect(carriers.slice(before)).toContain(carrier), 15_000)
}

describe.each(['websocket', 'sse', 'long-poll', 'poll'] as const)('over %s', (type) => {
  it('a client receives every message with an nchan id and, except over WebSocket, publishes by POST', async () => {
    await using opened = await openHere(nchan.origin)
    const own = type === 'poll' ? { intervalMs: 20 } : {}
    const sendUrl = type === 'websocket' ? {} : { sendUrl: `/pub/${channel}` }
    await startInPage(opened.page, `/sub/${channel}`, { transports: [{ type, ...sendUrl, ...own } as { type: 'sse' }] })
    await publishing(numbered(20))
    const { ids } = await until(opened.page, ({ data }) => expect(data).toEqual(expected(20)))
    expect(new Set(ids).size).toBe(21)
    expect(ids.every((id) => /^\d+:\d+$/.test(id))).toBe(true)
    if (type !== 'websocket') {
      await opened.page.evaluate(() => (globalThis as unknown as PageGlobals).client.send('from the page'))
      await until(opened.page, ({ data }) => expect(data.at(-1)).toBe('from the page'))
    }
    await closeInPage(opened.page)
    expect(opened.errors).toEqual([])
  })
})

it('a client reconnects after a reload of nginx, which looks like the deletion of its channel', async () => {
  await using opened = await openHere(nchan.origin)
  await startInPage(opened.page, `/sub/${channel}`, { retry: { minDelayMs: 50 } })
  await until(opened.page, ({ data }) => expect(data).toEqual(['prime']))
  await nchan.reload()
  // nginx has lost its messages, and ids consist of a second and a counter: within the same second they would repeat ids that
  // the client has received already.
  await sleep(1100)
  await publishing(['after'])
  await until(opened.page, ({ data, opened }) => expect([data.at(-1), opened]).toEqual(['after', ['websocket', 'websocket']]))
})

describe('a client that moves', () => {
  let proxy: FaultProxy
  let pollProxy: FaultProxy
  beforeEach(async () => {
    if (!(await isEquippedWith('nginx'))) return
    proxy = await startFaultProxy({ target: { port: nchan.port } })
    pollProxy = await startFaultProxy({ target: { port: nchan.port } })
    return async () => {
      await proxy.close()
      await pollProxy.close()
    }
  })

  /** Poll has a proxy of its own, since a proxy cannot tell it from long-poll. */
  const ranking = () =>
    ['websocket', 'sse', 'long-poll', { type: 'poll', url: `${pollProxy.url}/sub/${channel}`, intervalMs: 50 }] as const

  it('through all four transports after losses neither loses nor repeats one of 300 messages', async () => {
    await using opened = await openHere(proxy.url)
    const { page } = opened
    await startInPage(page, `/sub/${channel}`, { transports: ranking(), retry: { minDelayMs: 50, maxDelayMs: 50 } })
    const published = publishing(numbered(300), 25)
    await hears(page, 'websocket')
    await proxy.set({ type: 'refuse-upgrade', status: 403 })
    proxy.killAll()
    await hears(page, 'sse')
    await proxy.set({ type: 'refuse-upgrade', status: 403 }, { type: 'reset', only: 'event-stream' })
    proxy.killAll()
    await hears(page, 'long-poll')
    await proxy.set({ type: 'refuse' })
    proxy.killAll()
    await hears(page, 'poll')
    await proxy.set({ type: 'pass' })
    await pollProxy.set({ type: 'refuse' })
    pollProxy.killAll()
    await until(page, ({ opened }) => expect(opened.at(-1)).not.toBe('poll'))
    await published
    const log = await until(page, ({ data }) => expect(data.at(-1)).toBe('m300'), 15_000)
    expect(log.data).toEqual(expected(300))
    expect(new Set(log.carriers)).toEqual(new Set(['websocket', 'sse', 'long-poll', 'poll']))
    expect(log.resumed.slice(1).every(Boolean)).toBe(true)
    expect(opened.errors).toEqual([])
  })

  it.each(['sse', 'long-poll', 'poll'])(
    'from %s up to WebSocket without interruption neither loses nor repeats a message',
    async (from) => {
      await using opened = await openHere(proxy.url, 20)
      const { page } = opened
      if (from === 'sse') await proxy.set({ type: 'refuse-upgrade', status: 403 })
      else if (from === 'long-poll') {
        await proxy.set({ type: 'refuse-upgrade', status: 403 }, { type: 'reset', only: 'event-stream' })
      } else {
        await proxy.set({ type: 'refuse' })
        proxy.killAll() // the connection that loaded the page could carry an event stream
      }
      const transports = ranking().filter((entry) => ['websocket', from].includes(typeof entry === 'string' ? entry : entry.type))
      await startInPage(page, `/sub/${channel}`, { transports })
      const published = publishing(numbered(200), 20)
      await hears(page, from)
      // WebSocket is slow, so that many messages arrive over the old transport while it is being dialled.
      await proxy.set({ type: 'delay', ms: 40, only: 'websocket' })
      await until(page, ({ moves }) => expect(moves).toEqual([`${from}>websocket`]), 20_000)
      await published
      const log = await until(page, ({ data }) => expect(data.at(-1)).toBe('m200'), 15_000)
      expect(log.data).toEqual(expected(200))
      expect(log.closes).toEqual([])
    },
  )

  it('to a WebSocket that wins its race late neither loses nor repeats a message', async () => {
    await using opened = await openHere(proxy.url)
    await proxy.set({ type: 'delay', ms: 400, only: 'websocket' })
    await startInPage(opened.page, `/sub/${channel}`, { transports: ranking(), raceAfterMs: 300 })
    await publishing(numbered(150), 15)
    const log = await until(opened.page, ({ data }) => expect(data.at(-1)).toBe('m150'))
    expect(log.data).toEqual(expected(150))
    expect(log.moves).toEqual(['sse>websocket'])
  })
})
