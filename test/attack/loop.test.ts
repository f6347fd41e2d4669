// Inputs that once blocked the event loop, or whose CPU time was not linear: n is compared with 4 n.
import { expect, it } from 'vitest'
import { costOf, grewLinearly } from '../support/attack-costs.ts'
import { AttackedServer } from '../support/attacked-server.ts'
import { randomSession } from '../support/raw-client.ts'
import { opcodes, postText, RawTcp, requestText, upgradeText, webSocketFrame } from '../support/raw-tcp.ts'
import type { ScenarioOptions } from './scenarios.ts'

const limits = { attachmentsPerSecond: 100_000 }
const patienceMs = 30_000

const texts = (count: number) => ',""'.repeat(count)
const numbered = (count: number, line: (n: number) => string) => Array.from({ length: count }, (_, index) => line(index + 1))

/** What a client may send at once: the size of the small input, and its lines. */
const said: Readonly<Record<string, readonly [size: number, lines: (size: number) => readonly string[]]>> = {
  pings: [8000, (size) => Array(size).fill('p')],
  'frames that are unknown': [8000, (size) => Array(size).fill('z')],
  turns: [1000, (size) => numbered(size, (n) => `t${n}`)],
  acknowledgments: [4000, (size) => numbered(size, (n) => `a0.${n}~e`)],
  withdrawals: [1500, (size) => numbered(size, (n) => `w${n}`)],
  'messages, each in a frame': [1500, (size) => numbered(size, (n) => `m${n}:`)],
  'messages in the wrong order': [1500, (size) => numbered(size, (n) => `m${size - n + 1}:`)],
  'one batch': [5000, (size) => [`M[1${texts(size)}]`]],
  'one batch that comes too early': [8000, (size) => [`M[5${texts(size)}]`]],
  'batches that come too early': [500, (size) => Array(size).fill(`M[5${texts(20)}]`)],
  'one batch again and again': [500, (size) => Array(size).fill(`M[1${texts(20)}]`)],
}

/** The ways to send it, to a new session or to one that exists. */
const ways: Readonly<Record<string, (port: number, lines: readonly string[]) => Promise<void>>> = {
  'an event stream': (port, lines) => posted(port, {}, lines),
  'a poll': (port, lines) => posted(port, { wait: 0 }, lines),
  'a POST that sends': async (port, lines) => {
    const session = randomSession()
    await posted(port, { session, wait: 0, turn: 1 })
    await posted(port, { session, send: true }, lines)
  },
  'a WebSocket': async (port, lines) => {
    using raw = await RawTcp.open(port)
    await raw.write(upgradeText({ session: randomSession(), turn: 1 }))
    await raw.answered(1, patienceMs)
    await raw.write(Buffer.concat(lines.map((line) => webSocketFrame(opcodes.text, line))))
    await raw.write(webSocketFrame(opcodes.ping, 'last'))
    await raw.saw(isOver, patienceMs)
  },
  'a WebSocket, with its handshake': async (port, lines) => {
    using raw = await RawTcp.open(port)
    const frames = lines.map((line) => webSocketFrame(opcodes.text, line))
    const hello = Buffer.from(upgradeText({ session: randomSession(), turn: 1 }))
    await raw.write(Buffer.concat([hello, ...frames, webSocketFrame(opcodes.ping, 'last')]))
    await raw.saw(isOver, patienceMs)
  },
}

/** Whether the server has read everything, or sends a Close frame. */
function isOver(received: Buffer): boolean {
  return received.includes('last') || received.includes(0x88)
}

async function posted(port: number, hello: Parameters<typeof postText>[0], lines: readonly string[] = []): Promise<void> {
  using raw = await RawTcp.open(port)
  await raw.write(postText(typeof hello === 'string' ? hello : { session: randomSession(), ...hello }, lines))
  await raw.answered(1, patienceMs)
}

async function failures(options: ScenarioOptions, way: (typeof ways)[string], inputs: typeof said): Promise<readonly string[]> {
  const told: string[] = []
  await using server = await AttackedServer.start('plain', { limits, resumeWindowMs: 1000, ...options })
  for (const [name, [size, lines]] of Object.entries(inputs)) {
    const costs = (count: number) => costOf(server, () => way(server.port, lines(count)))
    await grewLinearly(costs, { size }).catch((error) => told.push(`${name}: ${error.message}`))
  }
  await server.stillServes()
  return told
}

it.each(Object.entries(ways))('%s costs CPU time in proportion to what it carries', async (_, way) => {
  expect(await failures({}, way, said)).toEqual([])
})

/** The calls that a client may send in one body: the size of the small input, and its lines. */
const asked: Readonly<Record<string, readonly [size: number, line: (n: number) => string]>> = {
  requests: [10_000, (n) => `C${n}:{"type":"request"}`],
  'aborts of what comes before them': [10_000, (n) => `C${n}:{"type":"abort","of":${Math.max(1, n - 1)}}`],
  'aborts of what never comes': [10_000, (n) => `C${n}:{"type":"abort","of":${n + 1_000_000}}`],
  'answers to nothing': [28_000, (n) => `C${n}:{"type":"reply","to":"x"}`],
  'topics that are refused': [10_000, (n) => `C${n}:{"type":"subscribe","topic":"x"}`],
}

it.each(Object.entries(asked))('%s, all in one POST, do not block the event loop', async (_, [size, lineOf]) => {
  await using server = await AttackedServer.start('plain', { limits, resumeWindowMs: 1000 })
  const costs = (count: number) =>
    costOf(server, async () => {
      const session = randomSession()
      await posted(server.port, { session, wait: 0, turn: 1 })
      await posted(server.port, { session, send: true }, numbered(count, lineOf))
    })
  await grewLinearly(costs, { size, ceilingMs: 400 })
  await server.stillServes()
})

/** 4 MB that take up to 1.5 s to parse as JSON, or to split into lines. */
const hostile: Readonly<Record<string, string>> = {
  'a batch of arrays': `M[1${',[]'.repeat(1_300_000)}]`,
  'a batch of objects': `M[1${',{}'.repeat(1_300_000)}]`,
  'a batch of numbers': `M[1${',2'.repeat(2_000_000)}]`,
  'a batch of empty texts': `M[1${texts(1_300_000)}]`,
  'nested arrays for a batch': `M${'['.repeat(2_000_000)}${']'.repeat(2_000_000)}`,
  'parameters of nested arrays': `C1:{"type":"subscribe","topic":"x","params":${'['.repeat(500_000)}${']'.repeat(500_000)}}`,
  'credentials of arrays': `c{"auth":[1${',[]'.repeat(1_300_000)}]}`,
  'a reason of arrays': `x{"code":4000,"reason":[1${',[]'.repeat(1_300_000)}]}`,
  'a cursor of four million streams': `a${','.repeat(4_000_000)}`,
}

it.each(Object.entries(hostile))('%s, in one frame or line of 4 MB, does not block the event loop', async (_, line) => {
  await using server = await AttackedServer.start('plain', { limits })
  for (const way of [ways['a WebSocket'], ways['a POST that sends']]) {
    if (!way) continue
    await way(server.port, ['p'])
    await server.rests()
    await server.reset()
    await way(server.port, [line])
    expect((await server.account()).standstillCpuMs).toBeLessThan(150)
  }
  await server.stillServes()
})

it('a body of four million empty lines does not block the event loop', async () => {
  await using server = await AttackedServer.start('plain', { limits })
  const way = ways['a POST that sends']
  await way?.(server.port, ['p'])
  await server.reset()
  await way?.(server.port, ['\n'.repeat(4_000_000)])
  expect((await server.account()).standstillCpuMs).toBeLessThan(150)
})

it('messages cost CPU time in proportion to their number while onSession runs', async () => {
  const inputs = { 'messages, each in a frame': said['messages, each in a frame'] ?? [0, () => []] } as const
  for (const way of [ways['a WebSocket'], ways['an event stream']]) {
    if (way) expect(await failures({ beginMs: 500 }, way, inputs)).toEqual([])
  }
})

it('a body in small chunks costs CPU time in proportion to its size', async () => {
  await using server = await AttackedServer.start('plain', { limits })
  const costs = (count: number) =>
    costOf(server, async () => {
      using raw = await RawTcp.open(server.port)
      const hello = JSON.stringify({ v: 1, session: randomSession(), k: 1, n: 1, wait: 0 })
      await raw.write(requestText('POST', '/realtime', { 'Transfer-Encoding': 'chunked' }))
      await raw.write(`${hello.length.toString(16)}\r\n${hello}\r\n${'1\r\n\n\r\n'.repeat(count)}0\r\n\r\n`)
      await raw.answered(1, patienceMs)
    })
  await grewLinearly(costs, { size: 20_000 })
})

it('control frames and fragments cost CPU time in proportion to their number', async () => {
  await using server = await AttackedServer.start('plain', { limits })
  const floods: Readonly<Record<string, (count: number) => Buffer>> = {
    pings: (count) => Buffer.concat(Array(count).fill(webSocketFrame(opcodes.ping))),
    pongs: (count) => Buffer.concat(Array(count).fill(webSocketFrame(opcodes.pong))),
    fragments: (count) =>
      Buffer.concat([
        webSocketFrame(opcodes.text, 'm1:', { isFinal: false }),
        ...Array(count).fill(webSocketFrame(opcodes.continuation, 'x', { isFinal: false })),
        webSocketFrame(opcodes.continuation, 'x'),
      ]),
  }
  for (const flood of Object.values(floods)) {
    const costs = (count: number) =>
      costOf(server, async () => {
        using raw = await RawTcp.open(server.port)
        await raw.write(upgradeText({ session: randomSession(), turn: 1 }))
        await raw.answered(1, patienceMs)
        await raw.write(flood(count))
        await raw.write(webSocketFrame(opcodes.ping, 'last'))
        await raw.saw(isOver, patienceMs)
      })
    await grewLinearly(costs, { size: 4000 })
  }
})
