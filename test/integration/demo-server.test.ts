import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { anew, counted, tallyOf, uncounted } from '../../demo/public/counter.js'
import { session } from '../../src/session/index.ts'
import { startDemo } from '../support/demo.ts'
import { type WatchedClient, watchClient } from '../support/watched-client.ts'

/**
 * The demo's server without its page: what each transport delivers in plain mode and in a session, and that a fault hits only
 * the visitor it is set for. Tests that restart the server do not run concurrently: another demo might be given its port.
 */

interface Message {
  readonly id: number
  readonly kind: string
  readonly text?: string
}

async function ask(origin: string, query: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${origin}/live?${query}`, { headers, signal: AbortSignal.timeout(5000) })
  const messages = (await response.text())
    .split('\n')
    .filter(Boolean)
    .map((line): Message => JSON.parse(line))
  return { response, messages, cursor: response.headers.get('etag') ?? '' }
}

/** Reads an event stream until it has delivered `count` messages, and returns their ids. */
async function readStream(origin: string, cursor: string, count: number): Promise<string[]> {
  const controller = new AbortController()
  const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(5000)])
  const response = await fetch(`${origin}/live`, { headers: { Accept: 'text/event-stream', 'Last-Event-ID': cursor }, signal })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString()
    if (text.split('\n\n').length > count + 1) break
  }
  controller.abort()
  return [...text.matchAll(/^id: (\d+)$/gm)].slice(0, count).map(([, id = '']) => id)
}

async function readSocket(origin: string, query: string, count: number): Promise<Message[]> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/live?${query}`)
  const messages: Message[] = []
  socket.on('message', (data) => messages.push(JSON.parse(String(data))))
  try {
    await once(socket, 'open', { signal: AbortSignal.timeout(5000) })
    await vi.waitFor(() => expect(messages.length).toBeGreaterThanOrEqual(count), 5000)
    return messages.slice(0, count)
  } finally {
    socket.terminate()
  }
}

const harm = (origin: string, query: string) => fetch(`${origin}/harm?${query}`, { method: 'POST' })

function idsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}

it.concurrent('serves one feed with one cursor over all four transports', async () => {
  await using demo = await startDemo()
  await sleep(1500)
  const [first] = await readStream(demo.origin, '2', 1)
  expect(first).toBe('3')

  const polled = await ask(demo.origin, 'mode=poll&last_event_id=3')
  expect(polled.response.headers.get('content-type')).toBe('application/x-ndjson')
  const ids = polled.messages.map(({ id }) => id)
  expect(ids).toEqual(idsFrom(4, ids.length))
  expect(polled.cursor).toBe(`"${ids.at(-1)}"`)

  const held = await ask(demo.origin, `last_event_id=${encodeURIComponent(polled.cursor)}`)
  expect(held.messages[0]?.id).toBe(Number(ids.at(-1)) + 1)

  const next = Number(held.messages.at(-1)?.id) + 1
  const framed = await readSocket(demo.origin, `last_event_id=${next - 1}`, 4)
  expect(framed.map(({ id }) => id)).toEqual(idsFrom(next, 4))
  expect(await readStream(demo.origin, String(next + 3), 3)).toEqual(idsFrom(next + 4, 3).map(String))
})

it.concurrent('replaces an unknown cursor with the current one', async () => {
  await using demo = await startDemo()
  await sleep(500)
  const { messages, cursor } = await ask(demo.origin, 'mode=poll&last_event_id=999999')
  expect(cursor).toBe(`"${messages.at(-1)?.id}"`)
})

it.concurrent('accepts chat messages by POST and WebSocket frame, and rejects invalid ones', async () => {
  await using demo = await startDemo()
  const post = async (body: string) => (await fetch(`${demo.origin}/live`, { method: 'POST', body })).status
  const started = Date.now()
  expect(await post(JSON.stringify({ text: 'by POST', name: 'A', tag: '1' }))).toBe(202)
  const socket = new WebSocket(`${demo.origin.replace('http', 'ws')}/live`)
  await once(socket, 'open')
  socket.send(JSON.stringify({ text: 'by frame', name: 'B', tag: '2' }))
  socket.send('nonsense')
  await vi.waitFor(async () => {
    const { messages } = await ask(demo.origin, 'mode=poll&last_event_id=0')
    expect(messages.flatMap(({ kind, text }) => (kind === 'chat' ? [text] : []))).toEqual(['by POST', 'by frame'])
  }, 5000)
  socket.terminate()
  expect(Date.now() - started).toBeLessThan(5000)
  expect(await post('nonsense')).toBe(400)
  expect(await post('null')).toBe(400)
  expect(await post(JSON.stringify({ text: ' ' }))).toBe(400)
  expect(await post('x'.repeat(10_000))).toBe(413)
  expect((await fetch(`${demo.origin}/live`, { method: 'DELETE' })).status).toBe(405)
})

it('injects faults for one visitor only, also across a restart, until they are healed', async () => {
  await using demo = await startDemo()
  await harm(demo.origin, 'visitor=a&fault=refuse-websocket&on=true')
  await expect(readSocket(demo.origin, 'visitor=a', 1)).rejects.toThrow('403')
  expect(await readSocket(demo.origin, 'visitor=b', 1)).toHaveLength(1)

  await harm(demo.origin, 'visitor=a&fault=cut&on=true')
  await expect(ask(demo.origin, 'visitor=a&mode=poll')).rejects.toThrow('fetch failed')
  expect((await ask(demo.origin, 'visitor=b&mode=poll')).response.status).toBe(200)

  const before = (await ask(demo.origin, 'visitor=b&mode=poll')).cursor
  await harm(demo.origin, 'visitor=b&fault=restart')
  const askedAt = Date.now()
  await vi.waitFor(() => expect(fetch(`${demo.origin}/clock`)).rejects.toThrow('fetch failed'), 2000)
  await vi.waitFor(() => fetch(`${demo.origin}/clock`), { timeout: 6000, interval: 100 })
  expect(Date.now() - askedAt).toBeGreaterThan(2500)
  const after = await ask(demo.origin, `visitor=b&mode=poll&last_event_id=${encodeURIComponent(before)}`)
  expect(after.messages[0]?.id).toBe(Number(before.replaceAll('"', '')) + 1)

  await expect(ask(demo.origin, 'visitor=a&mode=poll')).rejects.toThrow('fetch failed')
  expect(await (await harm(demo.origin, 'visitor=a&fault=heal')).json()).toEqual({ faults: [] })
  expect(await readSocket(demo.origin, 'visitor=a', 1)).toHaveLength(1)
})

/** A client that the server cannot tell from that of the page, with one transport. */
function sessionOf(origin: string, visitor: string, type: 'websocket' | 'sse' | 'long-poll' | 'poll') {
  const url = `${origin}/realtime?visitor=${visitor}&via=${type}`
  const transport = type === 'poll' ? ({ type, intervalMs: 100 } as const) : type
  return watchClient(url, { protocol: session(), transports: [transport], connectTimeoutMs: 2000 })
}

function messagesOf({ data }: WatchedClient) {
  const messages = data.map((each) => JSON.parse(String(each)))
  return { feed: messages.filter(({ kind }) => kind !== 'echo'), echoes: messages.filter(({ kind }) => kind === 'echo') }
}

it('numbers the messages of a session in both directions, over each transport and across a restart', async () => {
  await using demo = await startDemo()
  await using socket = sessionOf(demo.origin, 'a', 'websocket')
  await using stream = sessionOf(demo.origin, 'b', 'sse')
  await using longPoll = sessionOf(demo.origin, 'c', 'long-poll')
  await using poll = sessionOf(demo.origin, 'd', 'poll')
  const all = [socket, stream, longPoll, poll]
  const sendTen = (first: number) => {
    for (const { client } of all) for (const no of idsFrom(first, 10)) client.send(JSON.stringify({ no, text: `line ${no}` }))
  }
  const have = (count: number) => async () => {
    for (const each of all) expect(messagesOf(each).echoes).toHaveLength(count)
  }
  sendTen(1)
  await vi.waitFor(have(10), 5000)
  await harm(demo.origin, 'visitor=a&fault=restart')
  await vi.waitFor(() => expect(fetch(`${demo.origin}/clock`)).rejects.toThrow('fetch failed'), 2000)
  sendTen(11)
  await vi.waitFor(have(20), 15_000)
  await vi.waitFor(
    () => expect(all.every((each) => messagesOf(each).feed.some(({ text }) => /restarted/.test(text)))).toBe(true),
    5000,
  )
  for (const each of all) {
    const { feed, echoes } = messagesOf(each)
    expect(feed.map(({ id }) => id)).toEqual(idsFrom(feed[0].id, feed.length))
    expect(echoes.map(({ id }) => id)).toEqual(idsFrom(1, 20))
    expect(echoes.at(-1)?.up).toEqual({ count: 20, lost: 0, repeated: 0, astray: 0 })
    expect(each.of('open').map(({ resumed }) => resumed)).toEqual([false, true])
  }
})

it.concurrent("blocks only the named transport of a visitor's sessions, without losing a message", async () => {
  await using demo = await startDemo()
  await using socket = sessionOf(demo.origin, 'a', 'websocket')
  await using stream = sessionOf(demo.origin, 'a', 'sse')
  await using other = sessionOf(demo.origin, 'b', 'sse')
  await Promise.all([socket.nth('open'), stream.nth('open'), other.nth('open')])
  await harm(demo.origin, 'visitor=a&fault=block-sse&on=true')
  await stream.nth('close')
  stream.client.send(JSON.stringify({ no: 1 }))
  await sleep(300)
  expect([stream.opened(), socket.of('close'), other.of('close')]).toEqual([['sse'], [], []])
  await harm(demo.origin, 'visitor=a&fault=heal')
  await vi.waitFor(() => expect(messagesOf(stream).echoes).toHaveLength(1), 10_000)
  expect(stream.of('open').map(({ resumed }) => resumed)).toEqual([false, true])
})

it.concurrent('counts lost, repeated and late messages', () => {
  const countOf = (...numbers: number[]) => tallyOf(numbers.reduce(counted, uncounted))
  expect(countOf(7, 8, 9)).toEqual({ count: 3, lost: 0, repeated: 0, astray: 0 })
  expect(countOf(1, 2, 5)).toEqual({ count: 3, lost: 2, repeated: 0, astray: 0 })
  expect(countOf(1, 2, 2, 1)).toEqual({ count: 4, lost: 0, repeated: 2, astray: 0 })
  expect(countOf(1, 3, 2, 2, 4)).toEqual({ count: 5, lost: 0, repeated: 1, astray: 1 })
  const again = counted(anew(counted(uncounted, 900)), 1)
  expect(tallyOf(again, again)).toEqual({ count: 4, lost: 0, repeated: 0, astray: 0 })
})

it.concurrent('kills an open WebSocket when the fault is set, later ones after they open, or never opens them', async () => {
  await using demo = await startDemo()
  const dial = () => new WebSocket(`${demo.origin.replace('http', 'ws')}/live?visitor=a`).on('error', () => {})
  const socket = dial()
  await once(socket, 'open')
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(5000) })
  await harm(demo.origin, 'visitor=a&fault=kill-websocket&on=true')
  expect(await closed).toEqual([1006, expect.anything()])

  const killed = dial()
  await once(killed, 'open')
  const openedAt = Date.now()
  await once(killed, 'close', { signal: AbortSignal.timeout(2000) })
  expect(Date.now() - openedAt).toBeGreaterThan(100)

  await harm(demo.origin, 'visitor=a&fault=swallow-websocket&on=true')
  const swallowed = dial()
  await sleep(500)
  expect(swallowed.readyState).toBe(WebSocket.CONNECTING)
  swallowed.terminate()
})

/** The error with which a WebSocket of visitor a fails. */
async function refusalOf(origin: string, path = '/live') {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}${path}?visitor=a`)
  const [error] = await once(socket, 'error', { signal: AbortSignal.timeout(5000) })
  return String(error)
}

it.concurrent('injects the WebSocket faults of proxies: no upgrade, a damaged handshake, a damaged frame', async () => {
  await using demo = await startDemo()
  const set = (fault: string, on = true) => harm(demo.origin, `visitor=a&fault=${fault}&on=${on}`)
  await set('strip-upgrade')
  expect(await refusalOf(demo.origin)).toMatch(/Unexpected server response: 20[04]$/)
  expect(await refusalOf(demo.origin, '/realtime')).toContain('Unexpected server response: 400')
  await set('strip-upgrade', false)
  await set('damage-handshake')
  expect(await refusalOf(demo.origin)).toContain('Invalid Sec-WebSocket-Accept header')
  expect(await readSocket(demo.origin, 'visitor=b', 1)).toHaveLength(1)
  await set('damage-handshake', false)
  await set('damage-frame')
  expect(await refusalOf(demo.origin)).toContain('RSV')
})

it.concurrent('answers the diagnose request under transport faults, but not under faults that hit every request', async () => {
  await using demo = await startDemo()
  await harm(demo.origin, 'visitor=a&fault=strip-upgrade&on=true')
  await harm(demo.origin, 'visitor=a&fault=block-sse&on=true')
  const socket = new WebSocket(`${demo.origin.replace('http', 'ws')}/realtime?visitor=a&attempt=x1`)
  await once(socket, 'error')
  const question = `${demo.origin}/realtime?visitor=a&via=sse&diagnose=x1`
  expect(await (await fetch(question)).json()).toMatchObject({ steadfast: 'v1', sawRequest: true, sawUpgrade: false })

  await harm(demo.origin, 'visitor=a&fault=answer-503&on=true')
  const busy = await fetch(question)
  expect([busy.status, busy.headers.get('retry-after'), busy.headers.get('via')]).toEqual([503, '5', '1.1 a-proxy'])
  expect(await refusalOf(demo.origin)).toContain('Unexpected server response: 503')
  await harm(demo.origin, 'visitor=a&fault=answer-503&on=false')
  await harm(demo.origin, 'visitor=a&fault=portal&on=true')
  const portal = await fetch(`${demo.origin}/live?visitor=a`)
  expect([portal.status, portal.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(await portal.text()).toContain('Log in')
  expect((await fetch(`${demo.origin}/clock`)).headers.get('content-type')).toBe('application/json')
  await harm(demo.origin, 'visitor=a&fault=cut&on=true')
  await expect(fetch(question)).rejects.toThrow('fetch failed')
})

it.concurrent('buffers event streams, and cuts them in the middle of an event', async () => {
  await using demo = await startDemo()
  const stream = async () => {
    const response = await fetch(`${demo.origin}/live?visitor=a`, { headers: { Accept: 'text/event-stream' } })
    const reader = response.body?.getReader()
    let text = ''
    const end = (async () => {
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true }
        if (done) return 'ended'
        text += Buffer.from(value ?? []).toString()
      }
    })().catch(() => 'broke')
    return { end, text: () => text, cancel: () => reader?.cancel() }
  }
  await harm(demo.origin, 'visitor=a&fault=hold-sse&on=true')
  const held = await stream()
  await sleep(1000)
  expect(held.text()).toBe('')
  await held.cancel()
  await harm(demo.origin, 'visitor=a&fault=hold-sse&on=false')

  await harm(demo.origin, 'visitor=a&fault=tear-sse&on=true')
  const torn = await stream()
  expect(await torn.end).toBe('broke')
  expect(torn.text()).toMatch(/\n\nid: \d+\n?[^\n]*$/)
  await harm(demo.origin, 'visitor=a&fault=tear-sse&on=false')
  const running = await stream()
  await harm(demo.origin, 'visitor=a&fault=tear-sse&on=true')
  expect(await running.end).toBe('broke')
})

it.concurrent('silences connections that are open when the fault is set, but not later ones', async () => {
  await using demo = await startDemo()
  const url = `${demo.origin.replace('http', 'ws')}/live?visitor=a`
  const socket = new WebSocket(url)
  await once(socket, 'message', { signal: AbortSignal.timeout(5000) })
  const heard: unknown[] = []
  await harm(demo.origin, 'visitor=a&fault=silence&on=true')
  await sleep(100)
  socket.on('message', (data) => heard.push(data))
  socket.send(JSON.stringify({ text: 'into the void', name: '', tag: '' }))
  expect(await readSocket(demo.origin, 'visitor=a', 30)).toHaveLength(30)
  expect([socket.readyState, heard]).toEqual([WebSocket.OPEN, []])
  const { messages } = await ask(demo.origin, 'mode=poll&last_event_id=0')
  expect(messages.some(({ text }) => text === 'into the void')).toBe(false)
  socket.terminate()
})

it.concurrent('ends a connection for good with close code 4402, or with status 402 over plain HTTP', async () => {
  await using demo = await startDemo()
  const socket = new WebSocket(`${demo.origin.replace('http', 'ws')}/live?visitor=a`)
  await once(socket, 'open')
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(5000) })
  await harm(demo.origin, 'visitor=a&fault=end&mode=plain')
  expect((await closed).map(String)).toEqual(['4402', 'the trial is over'])
  await harm(demo.origin, 'visitor=a&fault=end&mode=plain')
  expect((await ask(demo.origin, 'visitor=a&mode=poll')).response.status).toBe(402)
  expect((await ask(demo.origin, 'visitor=a&mode=poll')).response.ok).toBe(true)

  for (const type of ['websocket', 'sse', 'long-poll', 'poll'] as const) {
    await using session = sessionOf(demo.origin, type, type)
    await session.nth('open')
    await harm(demo.origin, `visitor=${type}&fault=end&mode=session`)
    const { code, reason, final } = await session.nth('close')
    expect([code, reason, final]).toEqual([4402, 'the trial is over', true])
  }
})

it.concurrent('refuses unknown faults, private files and cross-site requests', async () => {
  await using demo = await startDemo()
  const status = async (path: string, init: RequestInit = {}) => (await fetch(demo.origin + path, init)).status
  expect(await status('/harm?visitor=a&fault=earthquake', { method: 'POST' })).toBe(400)
  expect(await status('/harm?fault=cut', { method: 'POST' })).toBe(400)
  expect(await status('/server.mjs')).toBe(404)
  expect(await status('/..%2fserver.mjs')).toBe(404)
  expect(await status('//')).toBe(404)
  // A browser sets Sec-Fetch-Site itself; Node's fetch does not let callers set it, so the request is written to a socket.
  const socket = connect(Number(new URL(demo.origin).port), '127.0.0.1')
  socket.write(
    'POST /harm?visitor=a&fault=restart HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n',
  )
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1\.1 403 /)
  socket.destroy()
})

it.concurrent.each([
  ["with the desktop's opener", '#!/bin/sh\necho "$1" >"$OPENED"\n'],
  ['or prints the URL when the opener fails', '#!/bin/sh\nexit 3\n'],
  ['or prints the URL when there is no opener', ''],
])('opens the browser, %s', async (_name, opener) => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-open-'))
  const opened = join(folder, 'opened')
  if (opener) for (const name of ['xdg-open', 'open']) writeFileSync(join(folder, name), opener, { mode: 0o755 })
  // The scripts name `sh` by its full path, so nothing else has to be in PATH.
  await using demo = await startDemo(0, { parameters: ['--open'], env: { PATH: folder, OPENED: opened } })
  if (opener.includes('OPENED')) {
    await vi.waitFor(() => expect(readFileSync(opened, 'utf8')).toBe(`${demo.origin}/\n`), 5000)
    expect(demo.complaints()).toBe('')
  } else {
    const why = opener ? 'exit code 3' : 'not found'
    const command = process.platform === 'darwin' ? 'open' : 'xdg-open'
    const complaint = `No browser could be opened (${command}: ${why}): open ${demo.origin}/ yourself.\n`
    await vi.waitFor(() => expect(demo.complaints()).toBe(complaint), 5000)
  }
  expect((await fetch(demo.origin)).ok).toBe(true)
  rmSync(folder, { recursive: true })
})

it('listens on another port when its own is taken, and exits at once on SIGTERM', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' && address ? address.port : 0
  await using demo = await startDemo(port)
  const taken = new URL(demo.origin).port
  expect(taken).not.toBe(String(port))
  const complaint = `Port ${port} is taken or not allowed, so the demo listens on ${taken}.\n`
  await vi.waitFor(() => expect(demo.complaints()).toBe(complaint), 5000)
  other.close()

  const socket = new WebSocket(`${demo.origin.replace('http', 'ws')}/live`).on('error', () => {})
  await once(socket, 'open')
  demo.program.kill('SIGTERM')
  expect(await once(demo.program, 'exit', { signal: AbortSignal.timeout(3000) })).toEqual([0, null])
})
