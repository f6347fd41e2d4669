import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { openPage } from '../support/browser-page.ts'
import { listenOnLoopback, stopListening } from '../support/loopback.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { lifeOf, type Shape, sentBy, shapeOf } from '../support/socket-shape.ts'
import { useChromium } from '../support/use-chromium.ts'

/** The class of `webSocketOver()` compared with the browser's own `WebSocket`. */
let browser: Browser
let folder: string
let script: string
useChromium((started) => {
  browser = started
})
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'steadfast-socket-'))
  script = join(folder, 'socket.js')
  const entry = join(import.meta.dirname, '../../src/socket/index.ts')
  await build({ entryPoints: [entry], bundle: true, format: 'iife', globalName: 'Sockets', outfile: script, logLevel: 'silent' })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function start() {
  const ended: string[] = []
  const servers = await RealtimeServers.start({
    page: { script },
    options: {
      onMessage: (session, { data }) => (data === 'close' ? session.close(4400, 'bye') : session.send(data)),
      onEnd: (_, { by, code }) => void ended.push(`${by} ${code}`),
    },
  })
  const http = createServer()
  const native = new WebSocketServer({ server: http })
  native.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
      if (String(data) === 'close') socket.close(4400, 'bye')
      else socket.send(data, { binary: isBinary })
    })
  })
  const nativeUrl = `ws://127.0.0.1:${await listenOnLoopback(http)}/`
  const url = `${servers.urls[0]?.replace('http', 'ws')}/`
  const opened = await openPage(browser, { origin: new URL(servers.urls[0] ?? '').origin })
  return {
    nativeUrl,
    url,
    ended,
    page: opened.page,
    errors: opened.errors,
    async [Symbol.asyncDispose]() {
      await opened.close()
      for (const client of native.clients) client.terminate()
      await stopListening(http)
      await servers[Symbol.asyncDispose]()
    },
  }
}

/** Leaves out where Chromium deviates from the standards: `[Clamp]` of Web IDL rounds, and `undefined` is no code. */
function standard(shape: unknown): Shape {
  const others = ['close 2999.66', 'close 4999.56', 'close undefined9,""2', 'close undefined9,"xxxxxxxxxxxxxxxxxxx126']
  return Object.fromEntries(Object.entries(shape as Shape).filter(([name]) => !others.includes(name)))
}

it("webSocketOver() has the members, return values and exceptions of the browser's WebSocket", async () => {
  await using test = await start()
  const native = await test.page.evaluate(`(${shapeOf})(WebSocket, '${test.nativeUrl}')`)
  const ours = await test.page.evaluate(`(${shapeOf})(Sockets.webSocketOver(), '${test.nativeUrl}')`)
  expect(Object.keys(ours as object).length).toBeGreaterThan(100)
  expect(standard(ours)).toEqual(standard(native))
  expect(test.errors).toEqual([])
})

it.each(['websocket', 'sse', 'long-poll', 'poll'])("a socket over %s fires the browser socket's events", async (type) => {
  await using test = await start()
  const native = await test.page.evaluate(`(${lifeOf})(WebSocket, '${test.nativeUrl}')`)
  const transport = JSON.stringify({ type, ...(type === 'poll' && { intervalMs: 50 }) })
  const ours = await test.page.evaluate(
    `(${lifeOf})(Sockets.webSocketOver({ transports: [${transport}] }), '${test.url.replace(/\/$/, '')}')`,
  )
  expect(ours).toEqual(native)
  expect(native).toHaveLength(8)
  expect(test.errors).toEqual([])
})

it('a socket sends each value as the browser does', async () => {
  await using test = await start()
  const native = await test.page.evaluate(`(${sentBy})(WebSocket, '${test.nativeUrl}')`)
  const ours = await test.page.evaluate(`(${sentBy})(Sockets.webSocketOver(), '${test.url.replace(/\/$/, '')}')`)
  expect(ours).toEqual(native)
  expect(native).toHaveLength(21)
  expect(test.errors).toEqual([])
})

it.each(['websocket', 'sse', 'long-poll'])('a socket over %s is closed when its page is unloaded', async (type) => {
  await using test = await start()
  await test.page.evaluate(
    `new Promise((resolve) => {
      globalThis.socket = new (Sockets.webSocketOver({ transports: ['${type}'] }))('${test.url.replace(/\/$/, '')}')
      socket.onopen = resolve
    })`,
  )
  await test.page.goto('about:blank')
  await vi.waitFor(() => expect(test.ended).toEqual(['client 1000']), 5000)
})
