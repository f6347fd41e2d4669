import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { beforeAll, expect, it } from 'vitest'
import type * as Protocols from '../../src/protocols/index.ts'
import { type OpenedPage, openPage } from '../support/browser-page.ts'
import { startCentrifugo } from '../support/centrifugo.ts'
import { startDurableStreams } from '../support/durable-streams.ts'
import { want } from '../support/equipment.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { startMercure } from '../support/mercure.ts'
import { closeInPage, logOf, type PageGlobals, SCRIPT, send, startInPage, until } from '../support/page-client.ts'
import { useChromium } from '../support/use-chromium.ts'

/** Third-party servers of the built-in protocols, and a page of another origin. */
let browser: Browser
let protocols: string

useChromium((started) => {
  browser = started
})
beforeAll(async () => {
  const entryPoints = [resolve(import.meta.dirname, '../../dist/protocols.js')]
  const { outputFiles } = await build({ entryPoints, bundle: true, format: 'iife', globalName: 'Protocols', write: false })
  protocols = outputFiles[0]?.text ?? ''
})

type Scope = PageGlobals & { readonly Protocols: typeof Protocols }

/** Opens a page whose clients have the default options that `defaults` returns there. */
async function openHere<Given>(
  defaults: (scope: Scope, given: Given) => PageGlobals['defaults'],
  given: Given,
): Promise<OpenedPage> {
  const opened = await openPage(browser, { script: SCRIPT })
  const make = `globalThis.defaults = (${defaults})(globalThis, ${JSON.stringify(given)})`
  await opened.page.addScriptTag({ content: `${protocols};globalThis.Protocols = Protocols;${make}` })
  return opened
}

it('Mercure: a page subscribes, publishes, and resumes after a cut', async (context) => {
  await want(context, 'a Mercure hub')
  await using hub = await startMercure()
  await using proxy = await startFaultProxy({ target: { port: hub.port } })
  const token = hub.token({ publish: ['*'], subscribe: ['*'] })
  await using opened = await openHere(
    ({ Protocols }, bearer) => ({
      protocol: Protocols.mercure({ topics: ['urn:a', 'urn:b'], publish: { topic: 'urn:a' } }),
      prepare: async () => ({ headers: { Authorization: bearer } }),
    }),
    `Bearer ${token}`,
  )
  await startInPage(opened.page, `${proxy.url}/.well-known/mercure`, { transports: ['sse'], retry: { minDelayMs: 50 } })
  await until(opened.page, ({ opened }) => expect(opened).toEqual(['sse']))
  await send(opened.page, 'from the page')
  await hub.publish('urn:b', '2')
  await until(opened.page, ({ data }) => expect([...data].sort()).toEqual(['2', 'from the page']))
  proxy.killAll()
  await hub.publish('urn:b', '3')
  await until(opened.page, ({ data, resumed }) => expect([data.length, data.at(-1), resumed]).toEqual([3, '3', [false, true]]))
  await closeInPage(opened.page)
  expect(opened.errors).toEqual([])
})

it.each(['sse', 'long-poll'] as const)('Durable Streams: a page reads, appends and reads to the end over %s', async (type) => {
  await using server = await startDurableStreams()
  await using proxy = await startFaultProxy({ target: { port: server.port } })
  await server.create('s')
  await server.append('s', '[1,2]')
  await using opened = await openHere(({ Protocols }) => ({ protocol: Protocols.durableStreams() }), null)
  await startInPage(opened.page, `${proxy.url}/s`, { transports: [type], retry: { minDelayMs: 50 } })
  await until(opened.page, ({ data }) => expect(data).toEqual(['1', '2']))
  await send(opened.page, '3')
  await until(opened.page, ({ data }) => expect(data).toEqual(['1', '2', '3']))
  proxy.killAll()
  await server.append('s', '[4,5]')
  await until(opened.page, ({ data }) => expect(data).toEqual(['1', '2', '3', '4', '5']))
  await server.closeStream('s')
  await until(opened.page, ({ closes }) => expect(closes.at(-1)).toEqual({ code: 1000, final: true }))
  expect(opened.errors).toEqual([])
})

it.for(['websocket', 'sse'] as const)('Centrifugo: a page subscribes and resumes after a cut over %s', async (type, context) => {
  await want(context, 'Centrifugo')
  await using server = await startCentrifugo()
  await using proxy = await startFaultProxy({ target: { port: server.port } })
  await using opened = await openHere(
    ({ Protocols }, token) => ({
      protocol: Protocols.centrifugo({ channels: ['news'] }),
      prepare: async () => ({ query: { cf_connect: JSON.stringify({ token }) } }),
    }),
    server.token(),
  )
  const path = type === 'sse' ? 'uni_sse' : 'uni_websocket'
  await startInPage(opened.page, `${proxy.url}/connection/${path}`, { transports: [type], retry: { minDelayMs: 50 } })
  await until(opened.page, ({ opened }) => expect(opened).toEqual([type]))
  // The subscription takes effect a moment after the connection opens.
  for (let had = 0; !had; had = (await logOf(opened.page)).data.length) {
    await server.publish('news', 1)
    await sleep(20)
  }
  proxy.killAll()
  await server.publish('news', 2)
  await until(opened.page, ({ data, resumed }) => expect([data.at(-1), resumed]).toEqual(['2', [false, true]]))
  await closeInPage(opened.page)
  expect(opened.errors).toEqual([])
})
