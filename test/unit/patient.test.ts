import { describe, expect, it } from 'vitest'
import { hostWith } from '../../src/host/browser.ts'
import { benchOf } from '../support/client-bench.ts'
import { closed, opens, sequence, stalls } from '../support/fake-transport.ts'
import { type ManualPage, manualPage, promised } from '../support/manual-host.ts'
import { sessionClient } from '../support/session-client-bench.ts'

/** The page's main thread is busy for a while; then its overdue timers run first, and the queued task after them. */
async function busy({ clock }: Pick<ManualPage, 'clock'>, ms: number, queued: () => unknown): Promise<void> {
  clock.sleep(ms)
  clock.advance(0)
  await promised()
  clock.advance(10)
  queued()
  await promised()
}

describe('a timer', () => {
  function timerOf(isHidden = false) {
    const page = manualPage({ isHidden })
    const firedAt: number[] = []
    const cancel = hostWith(page.host).after(1000, () => firedAt.push(page.clock.now()))
    return { ...page, firedAt, cancel }
  }

  it('fires when its time has come', () => {
    const { clock, firedAt } = timerOf()
    clock.advance(5000)
    expect(firedAt).toEqual([1000])
    expect(clock.pending).toBe(0)
  })

  it('that is overdue lets queued tasks run first', () => {
    const { clock, firedAt } = timerOf()
    clock.sleep(1500)
    clock.advance(99)
    expect(firedAt).toEqual([])
    clock.advance(1)
    expect(firedAt).toEqual([1600])
  })

  it('fires eventually, however busy the thread is', () => {
    const { clock, firedAt } = timerOf()
    for (let times = 0; times < 4; times += 1) {
      expect(firedAt).toEqual([])
      clock.sleep(1500)
      clock.advance(0)
    }
    expect(firedAt).toEqual([6000])
  })

  it('can be cancelled while it lets queued tasks run', () => {
    const { clock, firedAt, cancel } = timerOf()
    clock.sleep(1500)
    clock.advance(0)
    cancel()
    clock.advance(5000)
    expect(firedAt).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('of a hidden page fires at once when it is overdue, since browsers throttle it', () => {
    const { clock, firedAt } = timerOf(true)
    clock.sleep(1500)
    clock.advance(0)
    expect(firedAt).toEqual([1500])
  })
})

describe('an answer that is queued when its deadline fires late', () => {
  it('to a dial opens the connection', async () => {
    const bench = benchOf({ websocket: stalls() }, { connectTimeoutMs: 1000 })
    await bench.pass(500)
    await busy(bench, 900, () => bench.transport('websocket').last.open())
    await bench.pass(1000)
    expect(bench.timeline.filter((line) => line.includes('error'))).toEqual([])
    expect(bench.client.state.status).toBe('open')
  })

  it('to a dial prevents the race', async () => {
    const bench = benchOf({ websocket: stalls(), sse: opens() }, { raceAfterMs: 500 })
    await bench.pass(10)
    await busy(bench, 900, () => bench.transport('websocket').last.open())
    await bench.pass(1000)
    expect(bench.client.state).toMatchObject({ status: 'open', transport: 'websocket' })
    expect(bench.transport('sse').dials).toEqual([])
  })

  it.each([{ message: 'ping' }, {}])('to a heartbeat keeps the connection (%o)', async (more) => {
    const bench = benchOf({ websocket: opens() }, { heartbeat: { ...more, intervalMs: 1000, timeoutMs: 500 } })
    await bench.pass(10)
    await bench.pass(more.message ? 1100 : 100)
    await busy(bench, 2500, () => bench.transport('websocket').last.receive('news'))
    await bench.pass(400)
    expect(bench.timeline.filter((line) => /error|close/.test(line))).toEqual([])
  })

  it('after a wake-up keeps the connection', async () => {
    const bench = benchOf({ websocket: opens() })
    await bench.pass(10)
    bench.signal('resume')
    await busy(bench, 3500, () => bench.transport('websocket').last.receive('news'))
    await bench.pass(400)
    expect(bench.timeline.filter((line) => /error|close/.test(line))).toEqual([])
  })

  it('of prepare() is used', async () => {
    let answer = () => {}
    const prepare = () =>
      new Promise<undefined>((resolve) => {
        answer = () => resolve(undefined)
      })
    const bench = benchOf({ websocket: opens() }, { prepare, connectTimeoutMs: 1000 })
    await bench.pass(10)
    await busy(bench, 1500, () => answer())
    await bench.pass(10)
    expect(bench.client.state.status).toBe('open')
  })

  it('to a POST counts as its delivery', async () => {
    let answer = (_: Response) => {}
    const fetch = (_: string, { method }: RequestInit) =>
      new Promise<Response>((resolve) => {
        if (method === 'POST') answer = resolve
        else resolve(new Response(new ReadableStream(), { headers: { 'content-type': 'text/event-stream' } }))
      })
    const bench = benchOf({}, { transports: ['sse'], connectTimeoutMs: 1000, host: { fetch } })
    await bench.pass(10)
    bench.client.send('a')
    await busy(bench, 1500, () => answer(new Response('')))
    await bench.client.flushed()
    await bench.pass(400)
    expect(bench.timeline.filter((line) => /error|close/.test(line))).toEqual([])
  })

  it.each(['long-poll', 'poll'] as const)('to a %s is delivered as a message', async (type) => {
    const answers: ((response: Response) => void)[] = []
    const fetch = (_: string, { signal }: RequestInit) =>
      new Promise<Response>((resolve, reject) => {
        answers.push(resolve)
        signal?.addEventListener('abort', () => reject(new DOMException('', 'AbortError')))
      })
    const transport = type === 'poll' ? { type } : { type, timeoutMs: 1000 }
    const bench = benchOf({}, { transports: [transport], connectTimeoutMs: type === 'poll' ? 1000 : 10_000, host: { fetch } })
    await bench.pass(10)
    await busy(bench, 1500, () => answers[0]?.(new Response('news')))
    await bench.pass(10)
    expect(bench.timeline).toContainEqual(expect.stringMatching(/message news$/))
    expect(bench.timeline.filter((line) => /error|close/.test(line))).toEqual([])
  })

  it('in a session acknowledges a POST, and answers a ping in time', async () => {
    const overHttp = sessionClient({ transports: ['sse'] })
    await overHttp.pass(0)
    overHttp.network.receiving.open()
    await overHttp.pass(0)
    overHttp.network.sending.take(0)
    await overHttp.pass(0)
    overHttp.client.send('a')
    await overHttp.pass(0)
    const posting = overHttp.network.sending
    await busy(overHttp, 4000, () => posting.take(1))
    await overHttp.pass(2000)
    expect(overHttp.network.sends.filter(({ lines }) => lines.length > 0)).toEqual([posting])

    const overSocket = sessionClient({ transports: ['websocket'] })
    await overSocket.pass(0)
    overSocket.network.socket.open()
    await overSocket.pass(15_000)
    expect(overSocket.network.socket.texts.at(-1)).toBe('p')
    await busy(overSocket, 7000, () => overSocket.network.socket.say('q'))
    await overSocket.pass(1000)
    expect(overSocket.network.sockets).toHaveLength(1)
  })

  it('the deadline takes effect if no answer is queued', async () => {
    const bench = benchOf({ websocket: sequence(stalls(), opens()) }, { connectTimeoutMs: 1000 })
    await bench.pass(500)
    await busy(bench, 900, () => {})
    await bench.pass(100)
    expect(bench.timeline).toContainEqual(expect.stringMatching(/^1500 error net.timeout/))
  })

  it('that is a failure takes precedence over the deadline', async () => {
    const bench = benchOf({ websocket: stalls() }, { connectTimeoutMs: 1000 })
    await bench.pass(500)
    await busy(bench, 900, () => bench.transport('websocket').last.fail(closed(4000)))
    expect(bench.timeline.filter((line) => /error/.test(line))).toEqual([expect.stringMatching(/^1410 error net.unreachable/)])
  })
})
