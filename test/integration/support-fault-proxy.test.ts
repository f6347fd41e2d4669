import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { listenOnLoopback } from '../support/loopback.ts'
import { type ReferenceServer, startReferenceServer } from '../support/reference-server.ts'
import { probeSocket } from '../support/socket-probe.ts'

let server: ReferenceServer
let proxy: FaultProxy
let url: string

beforeEach(async () => {
  server = await startReferenceServer()
  proxy = await startFaultProxy({ target: { port: server.port } })
  url = `${proxy.url}/events`
})

afterEach(async () => {
  await proxy.close()
  await server.close()
})

const sse = { Accept: 'text/event-stream' }
const poll = () => fetch(`${url}?mode=poll`)

/** Reads an event stream until it contains `wanted`, or for `ms`. */
async function streamUntil(wanted: string, ms = 2000): Promise<string> {
  const response = await fetch(url, { headers: sse, signal: AbortSignal.timeout(ms) })
  let text = ''
  try {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      if (text.includes(wanted)) break
    }
  } catch {}
  return text
}

async function millisecondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

describe('pass', () => {
  it('forwards all kinds of requests, also on one keep-alive connection, and records them', async () => {
    const probe = probeSocket(url)
    await probe.dialled
    server.publish('one')
    await vi.waitFor(() => expect(probe.messages).toEqual(['one']))
    await poll()
    await fetch(url, { method: 'POST', body: 'x'.repeat(300_000) })
    expect((await poll()).status).toBe(204)
    expect(await streamUntil(': hi')).toContain(': hi')

    expect(proxy.dials('websocket')).toHaveLength(1)
    expect(proxy.dials('event-stream')).toHaveLength(1)
    expect(proxy.dials('other').map(({ path }) => path)).toEqual(['/events?mode=poll', '/events', '/events?mode=poll'])
    expect(proxy.connections('websocket')).toBe(1)
    expect(proxy.dials().map(({ at }) => at)).toEqual(
      proxy
        .dials()
        .map(({ at }) => at)
        .sort((a, b) => a - b),
    )
    expect(server.received[0]?.data).toHaveLength(300_000)
  })

  it('does not count a connection that has ended', async () => {
    const probe = probeSocket(url)
    await probe.dialled
    probe.socket.close(1000)
    expect(await probe.closed).toMatchObject({ code: 1000 })
    await vi.waitFor(() => expect([proxy.connections(), server.connections()]).toEqual([0, 0]))
  })

  it('passes 20,000 messages both ways in order, with and without delay', async () => {
    const probe = probeSocket(url)
    await probe.dialled
    for (let n = 0; n < 20_000; n += 1) {
      if (n === 5000) await proxy.set({ type: 'delay', ms: 20 })
      if (n === 10_000) await proxy.set({ type: 'pass' })
      probe.socket.send(`message ${n}`)
      if (n % 1000 === 0) await sleep(1)
    }
    await vi.waitFor(() => expect(probe.messages).toHaveLength(20_000), 10_000)
    expect(probe.messages.every((message, n) => message === `message ${n}`)).toBe(true)
  })
})

describe('delay', () => {
  it('makes a dial take two round trips, and a request on an open connection one', async () => {
    await proxy.set({ type: 'delay', ms: 50 })
    const dial = await millisecondsOf(() => probeSocket(url).dialled)
    expect(dial).toBeGreaterThanOrEqual(199)
    expect(dial).toBeLessThan(280)
    await poll()
    await sleep(10) // until undici has put the connection back into its pool
    const again = await millisecondsOf(poll)
    expect(again).toBeGreaterThanOrEqual(99)
    expect(again).toBeLessThan(180)
  })

  it('affects open connections, and only those of the kind in `only`', async () => {
    const probe = probeSocket(url)
    await probe.dialled
    await proxy.set({ type: 'delay', ms: 150, only: 'websocket' })
    expect(await millisecondsOf(poll)).toBeLessThan(140)
    const took = await millisecondsOf(async () => {
      server.publish('late')
      await vi.waitFor(() => expect(probe.messages).toHaveLength(1), { interval: 5 })
    })
    expect(took).toBeGreaterThanOrEqual(149)
  })
})

describe('refuse', () => {
  it('lets the kernel refuse new connections, keeps open ones, and can be lifted on the same port', async () => {
    const probe = probeSocket(url)
    await probe.dialled
    for (let round = 0; round < 3; round += 1) {
      await proxy.set({ type: 'refuse' })
      expect(await probeSocket(url).dialled).toEqual({ open: false, why: 'ECONNREFUSED' })
      await proxy.set({ type: 'pass' })
      expect(await probeSocket(url).dialled).toMatchObject({ open: true })
    }
    server.publish('still here')
    await vi.waitFor(() => expect(probe.messages).toEqual(['still here']))
  })
})

describe('hang', () => {
  it('accepts connections, never answers, and forwards nothing to the server', async () => {
    await proxy.set({ type: 'hang' })
    await expect(fetch(url, { signal: AbortSignal.timeout(200) })).rejects.toThrow(/timeout/)
    expect(proxy.dials('other')).toHaveLength(1)
    expect(server.requests).toHaveLength(0)
  })

  it('can hang one kind of request only', async () => {
    await proxy.set({ type: 'hang', only: 'event-stream' })
    await expect(fetch(url, { headers: sse, signal: AbortSignal.timeout(200) })).rejects.toThrow(/timeout/)
    expect((await poll()).status).toBe(204)
    expect(await probeSocket(url).dialled).toMatchObject({ open: true })
  })
})

describe('reset', () => {
  it('resets connections at accept', async () => {
    await proxy.set({ type: 'reset' })
    const socket = connect(proxy.port, '127.0.0.1')
    const [error] = await once(socket, 'error')
    expect(error.code).toBe('ECONNRESET')
    expect(proxy.dials()).toMatchObject([{ kind: 'unread' }])
  })

  it('resets one kind of request only', async () => {
    await proxy.set({ type: 'reset', only: 'websocket' })
    expect(await probeSocket(url).dialled).toEqual({ open: false, why: 'ECONNRESET' })
    expect((await poll()).status).toBe(204)
    expect(server.requests.map(({ transport }) => transport)).toEqual(['poll'])
  })
})

describe('kill-after-open', () => {
  it('passes the handshake, then kills the connection on both sides', async () => {
    await proxy.set({ type: 'kill-after-open', ms: 150, only: 'websocket' })
    const probe = probeSocket(url)
    expect(await probe.dialled).toMatchObject({ open: true })
    const lived = await millisecondsOf(() => probe.closed)
    expect(await probe.closed).toMatchObject({ code: 1006 })
    expect(lived).toBeGreaterThan(130)
    expect(lived).toBeLessThan(400)
    await vi.waitFor(() => expect(server.connections()).toBe(0))
    expect(await streamUntil('never said', 400)).toContain(': hi')
  })

  it('kills with RST, not with FIN', async () => {
    await proxy.set({ type: 'kill-after-open', ms: 20 })
    const socket = connect(proxy.port, '127.0.0.1')
    socket.write('GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n')
    const [head] = await once(socket, 'data')
    expect(String(head)).toMatch(/^HTTP\/1.1 200/)
    const [error] = await once(socket, 'error')
    expect(error.code).toBe('ECONNRESET')
  })

  it('kills an older connection at once, and none if the fault is lifted in time', async () => {
    const probe = probeSocket(url)
    await probe.dialled
    await sleep(100)
    await proxy.set({ type: 'kill-after-open', ms: 50, only: 'event-stream' })
    await sleep(20)
    expect(proxy.connections('websocket')).toBe(1)
    await proxy.set({ type: 'kill-after-open', ms: 50 })
    expect(await millisecondsOf(() => probe.closed)).toBeLessThan(45)

    await proxy.set({ type: 'kill-after-open', ms: 100 })
    const spared = probeSocket(url)
    await spared.dialled
    await proxy.set({ type: 'pass' })
    await sleep(150)
    expect(spared.socket.readyState).toBe(spared.socket.OPEN)
  })
})

describe('swallow-frames', () => {
  it('opens a connection that carries neither messages nor a FIN, even after the fault is lifted', async () => {
    await proxy.set({ type: 'swallow-frames' })
    server.publish('before')
    const probe = probeSocket(`${url}?last_event_id=0`)
    expect(await probe.dialled).toMatchObject({ open: true })
    probe.socket.send('lost')
    await proxy.set({ type: 'pass' })
    server.publish('after')
    server.hangUp()
    await sleep(100)
    expect(probe.messages).toEqual([])
    expect(server.received).toEqual([])
    expect(probe.socket.readyState).toBe(probe.socket.OPEN)
  })

  it('swallows frames that the server sends while the handshake is delayed', async () => {
    await proxy.set({ type: 'swallow-frames' }, { type: 'delay', ms: 50 })
    const probe = probeSocket(url)
    await vi.waitFor(() => expect(server.connections('websocket')).toBe(1), { interval: 5 })
    server.publish('too late')
    expect(await probe.dialled).toEqual({ open: true })
    await sleep(150)
    expect(probe.messages).toEqual([])
  })

  it('passes the answer to a pending request on a keep-alive connection', async () => {
    await poll()
    await sleep(10)
    const held = fetch(url)
    await vi.waitFor(() => expect(server.connections('long-poll')).toBe(1))
    expect(proxy.connections()).toBe(1)
    await proxy.set({ type: 'swallow-frames' })
    server.publish('news')
    expect((await held).status).toBe(200)
  })

  it('passes the headers of an event stream and nothing else', async () => {
    await proxy.set({ type: 'swallow-frames', only: 'event-stream' })
    const response = await fetch(url, { headers: sse })
    expect(response.status).toBe(200)
    const nothing = sleep(150).then(() => 'nothing')
    expect(await Promise.race([response.body?.getReader().read(), nothing])).toBe('nothing')
  })
})

describe('half-open', () => {
  it('cuts open connections without a FIN and passes new ones', async () => {
    const cut = probeSocket(url)
    await cut.dialled
    await proxy.set({ type: 'half-open' })
    server.publish('unheard')
    server.hangUp({ code: 4401 })
    await sleep(100)
    expect(cut.messages).toEqual([])
    expect(cut.socket.readyState).toBe(cut.socket.OPEN)
    const fresh = probeSocket(url)
    await fresh.dialled
    server.publish('heard')
    await vi.waitFor(() => expect(fresh.messages).toEqual(['heard']))
    expect(cut.messages).toEqual([])
  })
})

describe('buffer', () => {
  it('holds an event stream back until it has the given number of bytes', async () => {
    await proxy.set({ type: 'buffer', bytes: 2000, only: 'event-stream' })
    const text = streamUntil('filler')
    await vi.waitFor(() => expect(server.connections('sse')).toBe(1))
    await sleep(100)
    expect(await Promise.race([text, sleep(0).then(() => 'nothing')])).toBe('nothing')
    server.publish('filler'.repeat(400))
    expect(await text).toContain(': hi')
  })

  it('passes complete answers and WebSockets, and releases what it holds when it is lifted', async () => {
    await proxy.set({ type: 'buffer' })
    server.publish('one')
    const took = await millisecondsOf(async () => {
      expect(await (await fetch(`${url}?last_event_id=0`)).text()).toBe('one')
      expect((await poll()).status).toBe(204)
      expect((await fetch(`${proxy.url}/nowhere`)).status).toBe(404)
    })
    expect(took).toBeLessThan(1000) // and not only when the server closes its idle connections
    expect(await probeSocket(url).dialled).toMatchObject({ open: true })
    const text = streamUntil(': hi')
    await vi.waitFor(() => expect(server.connections('sse')).toBe(1))
    await proxy.set({ type: 'pass' })
    expect(await text).toContain(': hi')
  })
})

it('the proxy releases a buffered answer without a length when the server closes the connection', async () => {
  const origin = createServer((socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it')))
  const port = await listenOnLoopback(origin)
  await using other = await startFaultProxy({ target: { port } })
  await other.set({ type: 'buffer' })
  expect(await (await fetch(other.url)).text()).toBe('all of it')
  origin.close()
})

it('the proxy resets connections if there is no server behind it', async () => {
  await server.stop()
  expect(await probeSocket(url).dialled).toEqual({ open: false, why: 'ECONNRESET' })
})

describe('upgrades', () => {
  it.each([400, 403, 502])('are refused with %i while plain HTTP works', async (status) => {
    await proxy.set({ type: 'refuse-upgrade', status })
    expect(await probeSocket(url).dialled).toEqual({ open: false, why: status })
    expect((await poll()).status).toBe(204)
    expect(server.requests.map(({ transport }) => transport)).toEqual(['poll'])
  })

  it('are refused after two round trips when there is a delay too', async () => {
    await proxy.set({ type: 'delay', ms: 50 }, { type: 'refuse-upgrade', status: 403 })
    expect(await millisecondsOf(() => probeSocket(url).dialled)).toBeGreaterThanOrEqual(199)
  })

  it('are swallowed while plain HTTP works', async () => {
    await proxy.set({ type: 'swallow-upgrade' })
    const probe = probeSocket(url)
    expect(await Promise.race([probe.dialled, sleep(200).then(() => 'nothing')])).toBe('nothing')
    expect((await poll()).status).toBe(204)
    expect(await streamUntil(': hi')).toContain(': hi')
    expect(proxy.dials('websocket')).toHaveLength(1)
    probe.socket.terminate()
    await vi.waitFor(() => expect(proxy.connections('websocket')).toBe(0))
  })
})

describe('slow', () => {
  it('limits the bytes per second in each direction, and changes none', async () => {
    await proxy.set({ type: 'slow', bytesPerSecond: 100_000 })
    const body = 'x'.repeat(40_000)
    expect(await millisecondsOf(() => fetch(url, { method: 'POST', body }))).toBeGreaterThan(390)
    expect(server.received.map(({ data }) => data)).toEqual([body])

    const reading = streamUntil('x\n\n')
    await vi.waitFor(() => expect(server.connections('sse')).toBe(1))
    server.publish(body)
    expect(await millisecondsOf(() => reading)).toBeGreaterThan(390)
    expect(await reading).toContain(body)
  })

  it('makes a faster writer wait', async () => {
    const sink = createServer((socket) => socket.resume())
    const slow = await startFaultProxy({ target: { port: await listenOnLoopback(sink) } })
    await slow.set({ type: 'slow', bytesPerSecond: 1000 })
    const socket = connect(slow.port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n')
    await once(socket, 'connect')
    let isTaken = false
    socket.write(Buffer.alloc(50_000_000), () => {
      isTaken = true
    })
    await sleep(500)
    expect(isTaken).toBe(false)
    socket.destroy()
    await slow.close()
    sink.close()
  })
})

it('a fault with `at` affects only requests whose URL contains it', async () => {
  await proxy.set({ type: 'reset', at: 'mode=poll' })
  await expect(poll()).rejects.toThrow()
  expect((await fetch(url, { method: 'POST', body: 'x' })).ok).toBe(true)
})

it('killAll() kills all connections, or those of one kind', async () => {
  const probe = probeSocket(url)
  await probe.dialled
  proxy.killAll('event-stream')
  expect(proxy.connections('websocket')).toBe(1)
  proxy.killAll()
  expect(await probe.closed).toMatchObject({ code: 1006 })
  expect(proxy.connections()).toBe(0)
})

it('the proxy forwards a reset and an end by the server', async () => {
  const probe = probeSocket(url)
  await probe.dialled
  const stream = streamUntil('never said', 5000)
  await vi.waitFor(() => expect(server.connections('sse')).toBe(1))
  server.hangUp({ transport: 'sse' })
  expect(await millisecondsOf(() => stream)).toBeLessThan(1000)
  await server.stop('reset')
  expect(await probe.closed).toMatchObject({ code: 1006 })
})

it('close() ends all connections and timers', async () => {
  await proxy.set({ type: 'half-open' }, { type: 'delay', ms: 10_000 })
  const probe = probeSocket(url)
  await vi.waitFor(() => expect(proxy.dials()).toHaveLength(1))
  await proxy.close()
  expect(await probe.dialled).toMatchObject({ open: false })
  expect(proxy.connections()).toBe(0)
  await vi.waitFor(() => expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length).toBeLessThan(5))
})
