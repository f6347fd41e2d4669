import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { session } from '../../src/session/index.ts'
import { type Demo, refusedDemo, startDemo } from '../support/demo.ts'
import { want } from '../support/equipment.ts'
import { type WatchedClient, watchClient } from '../support/watched-client.ts'

/** The demo with `--redis`: two node processes behind its round-robin proxy, each of which may be killed at any moment. */

vi.setConfig({ testTimeout: 120_000 })

const transports = ['websocket', 'sse', 'long-poll', 'poll'] as const

interface NodesView {
  readonly nodes: readonly { readonly name: string; readonly state: string; readonly pid: number | null }[]
  readonly carrier: string | null
}

async function nodesOf({ origin }: Demo, visitor: string): Promise<NodesView> {
  return (await fetch(`${origin}/nodes?visitor=${visitor}`)).json()
}

async function kill({ origin }: Demo, visitor: string): Promise<string> {
  const answer = await fetch(`${origin}/harm?visitor=${visitor}&fault=kill`, { method: 'POST' })
  return (await answer.json()).killed
}

/** The processes that the demo has started: its nodes and its Redis. */
async function processesOf(demo: Demo): Promise<readonly number[]> {
  const { nodes } = await nodesOf(demo, 'a')
  const redis = /over Redis on port \d+ \(process (\d+)\)/.exec(demo.said())?.[1]
  return [...nodes.flatMap(({ pid }) => pid ?? []), Number(redis)]
}

async function statesOf(demo: Demo): Promise<readonly string[]> {
  return (await nodesOf(demo, 'a')).nodes.map(({ state }) => state)
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A client like that of the demo page, with one transport. */
function sessionOf({ origin }: Demo, type: (typeof transports)[number], visitor: string = type): WatchedClient {
  const transport = type === 'poll' ? ({ type, intervalMs: 200 } as const) : type
  const url = `${origin}/realtime?visitor=${visitor}&via=${type}`
  return watchClient(url, { protocol: session(), transports: [transport], connectTimeoutMs: 2000 })
}

const numbersFrom = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index)

/** A `TMPDIR` for the demo, whose Redis must leave no file in it when the demo has ended. */
function temporaryFolder(): { readonly path: string; readonly [Symbol.dispose]: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'demo-redis-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

it.concurrent('loses and repeats no message while its nodes are killed, and leaves no process on exit', async (context) => {
  await want(context, 'redis-server')
  using folder = temporaryFolder()
  await using demo = await startDemo(0, { parameters: ['--redis'], env: { TMPDIR: folder.path } })
  const clients = transports.map((type) => sessionOf(demo, type))
  const enough = new AbortController()
  // Enough messages that a node is handling some of them when it is killed.
  const sending = clients.map(async ({ client }, index) => {
    for (let no = 1; ; no += 1) {
      if (enough.signal.aborted) return no - 1
      client.send(JSON.stringify({ no, ...(no % 50 === 0 && { text: `line ${no}`, tag: `${transports[index]} ${no}` }) }))
      if (no % 3 === 0) await sleep(50)
    }
  })
  await Promise.all(clients.map((each) => each.nth('open')))
  // The proxy has no affinity: the polls of one client are answered by both nodes.
  const seen = new Set<string | null>()
  await vi.waitFor(async () => {
    seen.add((await nodesOf(demo, 'poll')).carrier)
    expect([...seen].sort()).toEqual(['A', 'B'])
  }, 5000)

  const processes = new Set(await processesOf(demo))
  const before = await nodesOf(demo, 'websocket')
  const killed = await kill(demo, 'websocket')
  expect(killed).toBe(before.carrier)
  expect(await statesOf(demo)).toEqual(['A', 'B'].map((name) => (name === killed ? 'down' : 'alive')))
  expect(isRunning(before.nodes.find(({ name }) => name === killed)?.pid ?? 0)).toBe(false)
  const other = killed === 'A' ? 'B' : 'A'
  await vi.waitFor(async () => expect(await nodesOf(demo, 'websocket')).toMatchObject({ carrier: other }), 10_000)
  await vi.waitFor(async () => expect(await statesOf(demo)).toEqual(['alive', 'alive']), 20_000)
  for (const pid of await processesOf(demo)) processes.add(pid)
  // With both nodes down, the sessions exist in Redis only.
  expect([await kill(demo, 'sse'), await kill(demo, 'sse')].sort()).toEqual(['A', 'B'])
  expect([await statesOf(demo), await kill(demo, 'sse')]).toEqual([['down', 'down'], null])
  await sleep(1000)
  enough.abort()
  const sent = await Promise.all(sending)
  for (const [index, each] of clients.entries()) {
    await vi.waitFor(() => expect(echoesOf(each).at(-1)?.last).toBe(sent[index]), { timeout: 30_000, interval: 50 })
  }
  for (const [index, each] of clients.entries()) {
    const count = sent[index] ?? 0
    const feed = messagesOf(each).filter(({ kind }) => kind !== 'echo')
    expect(feed.length).toBeGreaterThan(20)
    expect(feed.map(({ id }) => id)).toEqual(numbersFrom(feed[0]?.id ?? 0, feed.length))
    const own = feed.flatMap(({ tag }) => (tag?.startsWith(`${transports[index]} `) ? [tag] : []))
    expect(own).toEqual(numbersFrom(1, Math.floor(count / 50)).map((n) => `${transports[index]} ${50 * n}`))
    expect(echoesOf(each).map(({ id }) => id)).toEqual(numbersFrom(1, count))
    expect(echoesOf(each).at(-1)?.up).toEqual({ count, lost: 0, repeated: 0, astray: 0 })
    const isResumed = each.of('open').map(({ resumed }) => resumed)
    expect(isResumed).toEqual(isResumed.map((_, nth) => nth > 0))
    expect(each.of('gap')).toEqual([])
  }
  await Promise.all(clients.map(({ client }) => client.close()))

  for (const pid of await processesOf(demo)) processes.add(pid)
  // Two nodes, Redis, and the three nodes that replaced those killed.
  expect(processes.size).toBe(6)
  demo.program.kill('SIGTERM')
  expect(await once(demo.program, 'exit', { signal: AbortSignal.timeout(5000) })).toEqual([0, null])
  expect([...processes].filter(isRunning)).toEqual([])
  expect(readdirSync(folder.path)).toEqual([])
  expect(demo.complaints()).toBe('')
})

it.concurrent('injects the same faults as without Redis, and recovers from a restart of both nodes', async (context) => {
  await want(context, 'redis-server')
  await using demo = await startDemo(0, { parameters: ['--redis'] })
  const set = (visitor: string, query: string) => fetch(`${demo.origin}/harm?visitor=${visitor}&${query}`, { method: 'POST' })
  await using silent = sessionOf(demo, 'websocket', 'silent')
  await using torn = sessionOf(demo, 'sse', 'torn')
  await using ended = sessionOf(demo, 'long-poll', 'ended')
  await using refused = sessionOf(demo, 'websocket', 'refused')
  const all = [silent, torn, ended, refused]
  await Promise.all(all.map((each) => each.nth('open')))
  for (const { client } of all) client.send(JSON.stringify({ no: 1 }))

  const silencedAt = silent.client.state
  await set('silent', 'fault=silence&on=true')
  silent.client.send(JSON.stringify({ no: 2 }))
  await set('torn', 'fault=tear-sse&on=true')
  await set('ended', 'fault=end&mode=session')
  await set('refused', 'fault=refuse-websocket&on=true')
  await set('raw', 'fault=damage-handshake&on=true')
  expect(await refusalOf(demo, 'raw')).toContain('Invalid Sec-WebSocket-Accept header')
  await set('raw', 'fault=damage-handshake&on=false')
  await set('raw', 'fault=strip-upgrade&on=true')
  expect(await refusalOf(demo, 'raw')).toContain('Unexpected server response: 400')
  expect(await refusalOf(demo, 'refused')).toContain('Unexpected server response: 403')
  expect(await ended.nth('close')).toMatchObject({ code: 4402, reason: 'the trial is over', final: true })
  await vi.waitFor(() => expect(torn.causes()).toContain('stream.truncated'), 10_000)
  // The silenced WebSocket is replaced by a second one before it closes, without loss.
  await vi.waitFor(() => expect(echoesOf(silent).map(({ last }) => last)).toEqual([1, 2]), 20_000)
  expect(silent.of('close')).toEqual([])
  expect(silent.client.state).not.toEqual(silencedAt)

  const before = await processesOf(demo)
  for (const visitor of ['torn', 'refused']) await set(visitor, 'fault=heal')
  await set('raw', 'fault=restart')
  await vi.waitFor(() => expect(fetch(`${demo.origin}/clock`)).rejects.toThrow('fetch failed'), 4000)
  const others = [silent, torn, refused]
  await vi.waitFor(() => {
    for (const each of others) expect(messagesOf(each).some(({ text }) => /restarted/.test(text ?? ''))).toBe(true)
  }, 20_000)
  for (const each of others) {
    const feed = messagesOf(each).filter(({ kind }) => kind !== 'echo')
    expect(feed.map(({ id }) => id)).toEqual(numbersFrom(feed[0]?.id ?? 0, feed.length))
  }
  const now = await processesOf(demo)
  expect(now.filter((pid) => before.includes(pid))).toEqual(before.slice(-1))
})

/** The error with which a WebSocket of this visitor fails to open. */
async function refusalOf({ origin }: Demo, visitor: string): Promise<string> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/realtime?visitor=${visitor}`, ['steadfast.v1'])
  const [error] = await once(socket, 'error', { signal: AbortSignal.timeout(5000) })
  return String(error)
}

it('leaves no process and no file behind when it is killed', async (context) => {
  await want(context, 'redis-server')
  using folder = temporaryFolder()
  await using demo = await startDemo(0, { parameters: ['--redis'], env: { TMPDIR: folder.path } })
  const processes = await processesOf(demo)
  expect(processes.filter(isRunning)).toHaveLength(3)
  demo.program.kill('SIGKILL')
  await vi.waitFor(() => expect([processes.filter(isRunning), readdirSync(folder.path)]).toEqual([[], []]), 5000)
})

it('exits with an error message when its Redis has exited', async (context) => {
  await want(context, 'redis-server')
  using folder = temporaryFolder()
  await using demo = await startDemo(0, { parameters: ['--redis'], env: { TMPDIR: folder.path } })
  const processes = await processesOf(demo)
  process.kill(Number(processes.at(-1)), 'SIGKILL')
  expect(await once(demo.program, 'exit', { signal: AbortSignal.timeout(5000) })).toEqual([1, null])
  expect(demo.complaints()).toMatch(/The demo ends, since it has lost its Redis: redis-server has ended \(SIGKILL\)/)
  expect(processes.filter(isRunning)).toEqual([])
  expect(readdirSync(folder.path)).toEqual([])
})

it('exits with instructions when redis-server is missing or too old, or a parameter is unknown', async () => {
  using folder = temporaryFolder()
  const without = await refusedDemo({ parameters: ['--redis'], env: { PATH: folder.path, TMPDIR: folder.path } })
  expect(without.code).toBe(1)
  expect(without.complaints).toMatch(/^--redis needs redis-server .*\n.*apt-get install redis-server\n.*brew install redis\n$/)
  expect(readdirSync(folder.path)).toEqual([])

  using old = temporaryFolder()
  const script = '#!/bin/sh\necho "Redis version=6.0.16, bits=64"\necho "* Ready to accept connections"\nexec /bin/sleep 60\n'
  writeFileSync(join(old.path, 'redis-server'), script, { mode: 0o755 })
  const withOld = await refusedDemo({ parameters: ['--redis'], env: { PATH: old.path, TMPDIR: folder.path } })
  expect(withOld).toEqual({ code: 1, complaints: 'redis-server is 6.0; --redis needs 6.2 or later\n' })
  expect(readdirSync(folder.path)).toEqual([])
  expect(await refusedDemo({ parameters: ['--open', '--reddis'] })).toEqual({
    code: 1,
    complaints: 'The demo has no parameter --reddis. It takes --open and --redis.\n',
  })
})

it('answers the kill fault with 400 when it runs without --redis', async () => {
  await using demo = await startDemo()
  expect(await nodesOf(demo, 'a')).toEqual({ nodes: [], carrier: null })
  const answer = await fetch(`${demo.origin}/harm?visitor=a&fault=kill`, { method: 'POST' })
  expect([answer.status, await answer.json()]).toEqual([400, { error: expect.stringContaining('--redis') }])
})

interface Message {
  readonly id: number
  readonly kind: string
  readonly tag?: string
  readonly text?: string
  readonly last?: number
  readonly up?: unknown
}

function messagesOf({ data }: WatchedClient): readonly Message[] {
  return data.map((each) => JSON.parse(String(each)))
}

function echoesOf(client: WatchedClient): readonly Message[] {
  return messagesOf(client).filter(({ kind }) => kind === 'echo')
}
