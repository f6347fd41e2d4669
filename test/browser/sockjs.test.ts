import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { startSockjs } from '../support/sockjs-server.ts'
import { useChromium } from '../support/use-chromium.ts'

/** SockJS in a page, cross-origin, against sockjs-node. */
let browser: Browser
let folder: string
let script: string
useChromium((started) => {
  browser = started
})
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'steadfast-sockjs-'))
  script = join(folder, 'sockjs.js')
  const contents = "export * from './src/index.ts'; export * from './src/sockjs/index.ts'"
  const stdin = { contents, resolveDir: join(import.meta.dirname, '../..'), loader: 'ts' } as const
  await build({ stdin, bundle: true, format: 'iife', globalName: 'Page', outfile: script, logLevel: 'silent' })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const texts = [
  'plain',
  'é漢😀',
  'line\nbreak\r\n',
  '\0\u2028',
  'lone \ud800',
  '100% %25',
  ...Array.from({ length: 200 }, (_, n) => `n${n}`),
]

it.each(['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'])('SockJS echoes texts over %s', async (transport) => {
  await using server = await startSockjs()
  await using opened = await openPage(browser, { script })
  const told = await opened.page.evaluate(`(${inPage})('${server.url}', ${JSON.stringify(transport)}, ${JSON.stringify(texts)})`)
  expect(told).toEqual({ transport, data: texts, end: [4001, 'bye', true] })
  expect(opened.errors).toEqual([])
})

/** Runs in the page: sends all texts, waits for their echoes, and closes the socket. */
const inPage = `async (url, transport, texts) => {
  const socket = new Page.SockJS(url, null, { transports: [transport] })
  const data = []
  const end = new Promise((resolve) => (socket.onclose = ({ code, reason, wasClean }) => resolve([code, reason, wasClean])))
  socket.onopen = () => { for (const text of texts) socket.send(text) }
  socket.onmessage = (event) => { if (data.push(event.data) === texts.length) socket.close(4001, 'bye') }
  return { end: await end, transport: socket.transport, data }
}`

it.each(['websocket', 'sse', 'long-poll'])('a client with sockjs() receives its echoes over %s', async (transport) => {
  await using server = await startSockjs()
  await using opened = await openPage(browser, { script })
  const data = await opened.page.evaluate(`(async () => {
    const client = new Page.RealtimeClient('${server.url}', { protocol: Page.sockjs(), transports: ['${transport}'] })
    const texts = ${JSON.stringify(texts)}
    for (const text of texts) client.send(text)
    const data = []
    await new Promise((resolve) => client.on('message', (event) => data.push(event.data) === texts.length && resolve()))
    await client.close()
    return data
  })()`)
  expect(data).toEqual(texts)
  expect(opened.errors).toEqual([])
})
