// A gateway between clients and backends, either of which may be hostile.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { AttackedServer } from '../support/attacked-server.ts'
import { type BackendOptions, startBackend, type TestBackend } from '../support/gateway-rig.ts'
import { RawSocket, randomSession, until } from '../support/raw-client.ts'
import { postText, RawTcp, upgradeText, webSocketFrame } from '../support/raw-tcp.ts'
import { seeded, seedOf } from '../support/seeded.ts'

const limits = { attachmentsPerSecond: 100_000 }
const seed = seedOf(process.env)
const runs = Number(process.env['FUZZ_RUNS'] ?? 1000)

async function start(options: BackendOptions = {}, more: Readonly<Record<string, unknown>> = {}, times = {}) {
  const backend = await startBackend(options)
  const server = await AttackedServer.start('gateway', { limits, more: { target: backend.url, ...more }, ...times })
  return {
    backend,
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await backend[Symbol.asyncDispose]()
    },
  }
}

/** Checks that a new client gets its echo. */
async function stillEchoes(server: AttackedServer): Promise<void> {
  expect(server.exit).toBeNull()
  const hello = { session: randomSession(), turn: 1, protocols: [] }
  const socket = await new RawSocket(`http://127.0.0.1:${server.port}/realtime`, hello).opened()
  socket.send('m1:still here')
  await until(() => socket.frames.some((frame) => String(frame).includes('still here')), 'no echo')
  socket.socket.close(1000)
}

const noneLeft = ({ sockets }: TestBackend, timeout = 30_000) =>
  vi.waitFor(() => expect(sockets.size).toBe(0), { timeout, interval: 50 })

it('1,000 sessions that are never confirmed leave no connection to the backend', async () => {
  await using rig = await start()
  const { server, backend } = rig
  const before = await server.account()
  using raw = await RawTcp.open(server.port)
  for (let made = 0; made < 1000; made += 100) {
    const texts = Array.from({ length: 100 }, () => postText({ session: randomSession(), wait: 0, protocols: [] }))
    await raw.write(texts.join(''))
    await raw.answered(100)
    raw.forget()
  }
  expect(backend.connections.length).toBe(1000)
  await noneLeft(backend)
  await stillEchoes(server)
  await noneLeft(backend)
  raw.reset()
  await server.returnsTo(before, { limitMs: 30_000, mayGrowBytes: 20_000_000 })
})

it('a backend that accepts and sends nothing holds no client for longer than connectTimeoutMs', async () => {
  const upgrade: BackendOptions['upgrade'] = (_, socket) => {
    socket.resume()
    return true
  }
  await using rig = await start({ upgrade }, { connectTimeoutMs: 500 })
  const { server, backend } = rig
  const before = await server.account()
  const url = `http://127.0.0.1:${server.port}/realtime`
  const sockets = Array.from({ length: 200 }, () => new RawSocket(url, { session: randomSession(), protocols: [] }))
  const ends = await Promise.all(sockets.map((socket) => socket.over()))
  expect(ends.every(({ code }) => code === 4503)).toBe(true)
  await noneLeft(backend, 5000)
  await server.returnsTo(before, { mayGrowBytes: 20_000_000 })
})

it('a backend that floods pages which do not read uses bounded memory', async () => {
  const pages = 10
  let sent = 0
  const flood: BackendOptions['onConnection'] = ({ socket }) => {
    const next = () => {
      sent += 100_000
      if (socket.readyState === 1 && sent < 2_000_000_000) socket.send(Buffer.alloc(100_000), next)
    }
    next()
  }
  await using rig = await start({ onConnection: flood })
  const { server, backend } = rig
  const before = await server.account()
  const raws = await Promise.all(
    Array.from({ length: pages }, async () => {
      const raw = await RawTcp.open(server.port, { isHalfOpen: true })
      await raw.write(postText({ session: randomSession(), turn: 1, protocols: [] }))
      raw.pause()
      return raw
    }),
  )
  await vi.waitFor(() => expect(backend.connections).toHaveLength(pages), 10_000)
  let last = -1
  await vi.waitFor(
    () => {
      const isStill = sent === last
      last = sent
      expect(isStill).toBe(true)
    },
    { timeout: 20_000, interval: 1000 },
  )
  // 4 MiB in the store, 1 MiB more in the answer, and the buffers of two kernel sockets.
  expect(sent / pages).toBeLessThan(25_000_000)
  const { peakRss } = await server.account({ isSettled: false })
  expect(peakRss - before.rss).toBeLessThan(250_000_000)
  for (const raw of raws) raw.reset()
})

it(`${runs} connections with mutated bytes leave no socket, session or error in the gateway (SEED=${seed})`, {
  timeout: 180_000,
}, async () => {
  await using rig = await start({}, {}, { resumeWindowMs: 1000, heartbeatMs: 1000 })
  const { server, backend } = rig
  await stillEchoes(server)
  await noneLeft(backend)
  const before = await server.account()
  const random = seeded(seed)
  const below = (count: number) => Math.floor(random() * count)
  const attack = async () => {
    const hello = {
      session: randomSession(),
      turn: 1,
      protocols: random() < 0.5 ? [] : ['a'],
      ...(random() < 0.3 ? { wait: 0 } : {}),
    }
    const isPost = random() < 0.5
    const whole = isPost
      ? Buffer.from(postText(hello, ['m1:hello', 'b2:AAEC', 'x{"code":4999,"reason":"é"}'].slice(0, below(4))))
      : Buffer.concat([
          Buffer.from(upgradeText(hello)),
          webSocketFrame(1, 'm1:hello'),
          webSocketFrame(2, '2\nbytes'),
          webSocketFrame(8),
        ])
    const bytes = Buffer.from(whole.subarray(0, random() < 0.2 ? below(whole.length) : whole.length))
    for (let change = below(4); change > 0; change -= 1) bytes[below(bytes.length)] = below(256)
    const raw = await RawTcp.open(server.port).catch(() => null)
    if (!raw) return
    await raw.write(bytes).catch(() => {})
    await sleep(below(10))
    raw.reset()
  }
  for (let next = 0; next < runs; next += 20) await Promise.all(Array.from({ length: 20 }, attack))
  expect(server.exit, `SEED=${seed}`).toBeNull()
  await stillEchoes(server)
  await noneLeft(backend, 60_000)
  const { errors } = await server.returnsTo(before, { limitMs: 60_000, mayGrowBytes: 20_000_000 })
  expect(
    errors.filter((error) => !/was refused/.test(error)),
    `SEED=${seed}`,
  ).toEqual([])
})
