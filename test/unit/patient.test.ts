import { describe, expect, it } from 'vitest'
import { hostWith } from '../../src/host/browser.ts'
import { benchOf } from '../support/client-bench.ts'
import { closed, opens, sequence, stalls } from '../support/fake-transport.ts'
import { type ManualPage, manualPage, promised } from '../support/manual-host.ts'
import { sessionClient } from '../support/session-client-bench.ts'

/** The page's thread is busy: then its timers run first, and what lies in the queue after them. */
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
    const rank: number[] = []
    const cancel = hostWith(page.host).after(1000, () => rank.push(page.clock.now()))
    return { ...page, rank, cancel }
  }

  it('rings at its time', () => {
    const { clock, rank } = timerOf()
    clock.advance(5000)
    expect(rank).toEqual([1000])
    expect(clock.pending).toBe(0)
  })

  it('that rings late lets others have their turn first', () => {
    const { clock, rank } = timerOf()
    clock.sleep(1500)
    clock.advance(99)
    expect(rank).toEqual([])
    clock.advance(1)
    expect(rank).toEqual([1600])
  })

  it('rings in the end, however busy the thread is', () => {
    const { clock, rank } = timerOf()
    for (let times = 0; times < 4; times += 1) {
      expect(rank).toEqual([])
      clock.sleep(1500)
      clock.advance(0)
    }
    expect(rank).toEqual([6000])
  })

  it('can be cancelled while others have their turn', () => {
    const { clock, rank, cancel } = timerOf()
    clock.sleep(1500)
    clock.advance(0)
    cancel()
    clock.advance(5000)
    expect(rank).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('of a hidden page is late by throttling, and rings at once', () => {
    const { clock, rank } = timerOf(true)
    clock.sleep(1500)
    clock.advance(0)
    expect(rank).toEqual([1500])
  })
})

describe('an answer that lies in the queue when its deadline rings late', () => {
  it('of a connect opens the connection', async () => {
    const bench = benchOf({ websocket: stalls() }, { connectTimeoutMs: 1000 })
    await bench.pass(500)
    await busy(bench, 900, () => bench.transport('websocket').last.open())
    await bench.pass(1000)
    expect(bench.timeline.filter((line) => line.includes('error'))).toEqual([])
    expect(bench.client.state.status).toBe('open')
  })

  it('of a connect is not raced', async () => {
    const bench = benchOf({ websocket: stalls(), sse: opens() }, { raceAfterMs: 500 })
    await bench.pass(10)
    await busy(bench, 900, () => bench.transport('websocket').last.open())
    await bench.pass(1000)
    expect(bench.client.state).toMatchObject({ status: 'open', transport: 'websocket' })
    expect(bench.transport('sse').dials).toEqual([])
  })

  it.each([{ message: 'ping' }, {}])('of a heartbeat keeps the connection (%o)', async (more) => {
    const bench = benchOf({ websocket: opens() }, { heartbeat: { ...more, intervalMs: 1000, timeoutMs: 500 } })
    await bench.pass(10)
    await bench.pass(more.message ? 1100 : 100)
    await busy(bench, 2500, () => bench.transport('websocket').last.receive('news'))
    await bench.pass(400)
    expect(bench.timeline.filter((line) => /error|close/.test(line))).toEqual([])
  })

  it('of a wake-up keeps the connection', async () => {
    const bench = benchOf({ websocket: opens() })
    await bench.pass(10)
    bench.signal('resume')
    await busy(bench, 3500, () => bench.transport('websocket').last.receive('news'))
    await bench.pass(400)
    expect(bench.timeline.filter((line) => /error|close/.test(line))).toEqual([])
  })

  it('of prepare() is taken', async () => {
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

  it('of a POST is a delivery', async () => {
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

  it.each(['long-poll', 'poll'] as const)('of a %s is a message', async (type) => {
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

  it('in a session: of a POST is a receipt, of a ping is life', async () => {
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

  it('and where none lies there, the deadline has its say', async () => {
    const bench = benchOf({ websocket: sequence(stalls(), opens()) }, { connectTimeoutMs: 1000 })
    await bench.pass(500)
    await busy(bench, 900, () => {})
    await bench.pass(100)
    expect(bench.timeline).toContainEqual(expect.stringMatching(/^1500 error net.timeout/))
  })

  it('a loss tells more than the deadline', async () => {
    const bench = benchOf({ websocket: stalls() }, { connectTimeoutMs: 1000 })
    await bench.pass(500)
    await busy(bench, 900, () => bench.transport('websocket').last.fail(closed(4000)))
    expect(bench.timeline.filter((line) => /error/.test(line))).toEqual([expect.stringMatching(/^1410 error net.unreachable/)])
  })
})
