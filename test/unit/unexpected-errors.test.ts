import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { Backend, type CarriedSession } from '../../src/gateway/backend.ts'
import { Call } from '../../src/redis/call.ts'
import { StreamOrder } from '../../src/redis/stream-order.ts'
import { RealtimeServer } from '../../src/server/index.ts'
import { StoreMeter } from '../../src/server/metrics/store-meters.ts'
import type { ServerHost } from '../../src/server/node/host.ts'
import { BoundedCalls } from '../../src/server/store/bounded-calls.ts'
import { StoreHealth } from '../../src/server/store/store-health.ts'
import { subprotocol } from '../../src/wire/steadfast-v1.ts'
import { ManualClock, promised } from '../support/manual-host.ts'
import { FakeCarrier, greetingOf, ServerBench } from '../support/server-bench.ts'
import { expectNoUnhandledRejections } from '../support/unhandled-rejections.ts'
import { until } from '../support/until.ts'

// Errors that nobody expects, thrown by handlers of promises that nobody awaits: an unhandled rejection would end the process.

const rejections = expectNoUnhandledRejections()

/** Another session than that of most tests. */
const another = 'b'.repeat(22)
const broken = new Error('broken')
const fail = () => {
  throw broken
}

describe('an attachment to an ended session with unread messages', () => {
  /** A session that the server has ended, with a message that its client has not received. */
  async function endedSession() {
    const bench = new ServerBench()
    await bench.confirmed()
    const session = await bench.session()
    await session.send('unread')
    await session.close(4410, 'over')
    return bench
  }

  it('whose carrier throws is ended, its client may try again, and other sessions live', async () => {
    const bench = await endedSession()
    const carrier = new FakeCarrier('websocket')
    carrier.write = fail
    bench.at(0).attach({ hello: greetingOf({ k: 2, turn: 2 }), principal: { id: 'ann' } }, carrier)
    await promised()
    expect(bench.reported).toEqual([broken])
    expect(carrier.closed).toMatchObject({ code: 4500 })
    const again = await bench.attach({ k: 3, turn: 3 })
    expect(again.carrier.news).toContain('0.1:unread')
    const other = await bench.confirmed({ session: another })
    await (await bench.session(another)).send('alive')
    await promised()
    expect(other.carrier.news).toContain('0.1:alive')
  })

  it('whose carrier throws even at its end is reported twice', async () => {
    const bench = await endedSession()
    const carrier = new FakeCarrier('websocket')
    carrier.write = fail
    carrier.end = fail
    bench.at(0).attach({ hello: greetingOf({ k: 2, turn: 2 }), principal: { id: 'ann' } }, carrier)
    await promised()
    expect(bench.reported).toEqual([broken, broken])
  })
})

describe('an upgrade', () => {
  it('is destroyed if it cannot even be refused', async () => {
    const reported: unknown[] = []
    const server = new RealtimeServer({ onError: (error) => reported.push(error) })
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    socket.end = fail
    // `ws` refuses a POST, which writes to the socket.
    const headers = { 'sec-websocket-protocol': subprotocol }
    const request = { url: '/realtime', method: 'POST', headers, socket: { remoteAddress: '127.0.0.1' } }
    server.handleUpgrade(request as unknown as IncomingMessage, socket, Buffer.alloc(0))
    await until(async () => reported.length > 0 || rejections.length > 0, '`ws` was not loaded.')
    await promised()
    expect(reported).toEqual([broken, broken])
    expect(socket.destroyed).toBe(true)
    await server.close()
  })
})

describe('a call of a store', () => {
  it('rejects if its answer cannot be measured', async () => {
    const times = [() => 0, fail]
    const host = { elapsedMs: () => times.shift()?.() ?? 0, after: () => () => {}, report: fail }
    const calls = new BoundedCalls(host, 1000, new StoreHealth())
    await expect(calls.bounded('read', new StoreMeter(), Promise.resolve(1))).rejects.toBe(broken)
  })
})

describe('a call of Redis that appends', () => {
  it('fails if it cannot be started after the one before it, and those behind it are started', async () => {
    const started: Call[] = []
    const order = new StreamOrder((call) => {
      if (call.serial === 2) fail()
      started.push(call)
    })
    const script = { name: 'append', text: '', sha: '', isRepeatable: false }
    const callOf = (serial: number) => new Call(script, 0, [], { serial, timeoutMs: 1000, onTimeout: () => {} })
    const [first, second, third, fourth] = [callOf(1), callOf(2), callOf(3), callOf(4)]
    for (const call of [first, second, third]) order.add('stream', call)
    first.resolve([])
    await expect(second.result).rejects.toMatchObject({ cause: broken })
    await promised()
    order.add('stream', fourth)
    expect(started).toEqual([first, third])
    third.resolve([])
    await promised()
    expect(started).toEqual([first, third, fourth])
  })
})

describe('the backend of a gateway', () => {
  class FakeSocket extends EventEmitter {
    readyState = 1
    isTerminated = false
    resume = () => {}
    pause = () => {}
    ping = () => {}
    close = () => {}
    terminate = () => {
      this.isTerminated = true
    }
  }

  function benchOf(methods: Partial<CarriedSession>) {
    const clock = new ManualClock()
    const reported: unknown[] = []
    const closed: number[] = []
    const host: ServerHost = {
      now: () => clock.now(),
      elapsedMs: () => clock.now(),
      after: (delayMs, run) => clock.after(delayMs, run),
      random: () => 0.5,
      randomId: () => 'id',
      report: (error) => void reported.push(error),
    }
    const session: CarriedSession = {
      unreadBytes: 0,
      send: async () => true,
      drained: async () => true,
      close: async (code) => closed.push(code) > 0,
      ...methods,
    }
    const socket = new FakeSocket()
    const backend = new Backend(socket as unknown as WebSocket, { host, pingMs: 1000, maxUnreadBytes: 1000 })
    backend.carry(session)
    return { backend, clock, closed, reported, socket }
  }

  it('whose socket throws at its end is terminated, and the next backend lives', async () => {
    const { clock, reported, socket } = benchOf({ drained: async () => false })
    const other = benchOf({})
    socket.close = fail
    clock.advance(1000)
    await promised()
    expect(reported).toEqual([broken])
    expect(socket.isTerminated).toBe(true)
    other.clock.advance(1000)
    await promised()
    expect(other.reported).toEqual([])
    expect(other.socket.isTerminated).toBe(false)
  })

  it('whose socket throws when it is read from again ends with its session', async () => {
    const { closed, reported, socket } = benchOf({ unreadBytes: 2000 })
    socket.emit('message', Buffer.from('x'), false)
    socket.resume = fail
    await promised()
    expect(reported).toEqual([broken])
    expect(socket.isTerminated).toBe(true)
    expect(closed).toEqual([1006])
  })

  it('ends its session after a failed send even if its socket throws', async () => {
    const { closed, reported, socket } = benchOf({ send: () => Promise.reject(new Error('the store has failed')) })
    socket.terminate = fail
    socket.emit('message', Buffer.from('x'), false)
    await promised()
    expect(reported).toEqual([broken])
    expect(closed).toEqual([1006])
  })
})
