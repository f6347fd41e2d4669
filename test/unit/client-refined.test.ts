import { describe, expect, it } from 'vitest'
import type { RealtimeOptions } from '../../src/api/options.ts'
import { blocked, failedOnce, type Investigated, investigated } from '../support/diagnosed.ts'
import { opens, opensThenDrops, refuses, sequence, stalls } from '../support/fake-transport.ts'

/** The application wants a stop at 503, the status that the answers to the follow-up questions show. */
const ended: RealtimeOptions = { causes: { 503: { message: 'The service has ended.', verdict: 'stop' } } }

async function answered(bench: Investigated, status: number): Promise<string[]> {
  bench.news()
  bench.questions.answerAll(status)
  await bench.pass(0)
  return bench.news()
}

describe('answers to follow-up questions that mean stop', () => {
  const over = ['15 diagnosis http.503', '15 close 1006, final', '15 state closed']

  it('end a client that waits for its retry', async () => {
    const bench = await failedOnce(undefined, ended)
    expect(bench.client.state.status).toBe('waiting')
    expect(await answered(bench, 503)).toEqual(over)
    expect(bench.client.state).toMatchObject({ status: 'closed', diagnosis: { message: 'The service has ended.' } })
    bench.expectNothingLeft()
    await bench.pass(60_000)
    expect(bench.transport('websocket').dials).toHaveLength(1)
  })

  it('end a client that waits for a network', async () => {
    const bench = await failedOnce(undefined, ended, { isOnline: false })
    expect(bench.client.state.status).toBe('offline')
    expect(await answered(bench, 503)).toEqual(over)
    bench.expectNothingLeft()
  })

  it('end a client that is connecting, and its attempts', async () => {
    const bench = await failedOnce({ websocket: blocked, sse: stalls() }, ended)
    expect(bench.client.state.status).toBe('connecting')
    await bench.pass(1000)
    expect(await answered(bench, 503)).toEqual(over.map((line) => line.replace('15', '1015')))
    bench.expectNothingLeft()
  })

  it('do not end a client that is open by then', async () => {
    const bench = await failedOnce({ websocket: blocked, sse: opens(2) }, ended)
    expect(bench.client.state.status).toBe('open')
    await bench.pass(1000)
    expect(await answered(bench, 503)).toEqual(['1015 diagnosis http.503'])
    await bench.pass(60_000)
    expect([bench.client.state.status, bench.transport('sse').last.isHungUp]).toEqual(['open', false])
  })

  it('end a client also if judge() returns the stop', async () => {
    const bench = await failedOnce(undefined, { judge: ({ cause }) => (cause === 'http.503' ? 'stop' : undefined) })
    expect(await answered(bench, 503)).toEqual(over)
  })

  it('leave the events in order when a listener closes the client', async () => {
    const bench = await failedOnce(undefined, ended)
    bench.client.ondiagnosis = () => void bench.client.close(4000, 'bye')
    expect(await answered(bench, 503)).toEqual(['15 diagnosis http.503', '15 close 4000, final', '15 state closed'])
    bench.expectNothingLeft()
  })
})

describe('answers to follow-up questions that do not mean stop', () => {
  it.each([200, 401, 403, 404, 503])('change neither the state nor the retry: %i', async (status) => {
    const bench = await failedOnce()
    const { state } = bench.client
    expect(await answered(bench, status)).toHaveLength(1)
    expect(bench.client.state).toEqual(state)
    await bench.pass(600)
    expect(bench.transport('websocket').dials).toHaveLength(2)
  })
})

describe('credentials that seem to be refused', () => {
  /** The client after an hour; every follow-up question is answered with 401. */
  async function refusedBy(servers: Parameters<typeof investigated>[0], options: RealtimeOptions = {}): Promise<Investigated> {
    const bench = investigated(servers, options)
    bench.questions.reply = (question) => question.answer(401)
    await bench.pass(3_600_000)
    return bench
  }

  it('end a client whose transports have never been open, at the next failure after the answers', async () => {
    const bench = await refusedBy({ websocket: blocked })
    expect(bench.told()).toEqual(['net.unreachable', '(http.401)', 'http.401'])
    expect(bench.client.state).toMatchObject({ status: 'closed', diagnosis: { cause: 'http.401', hint: 'credentials' } })
    bench.expectNothingLeft()
  })

  it('are requested from prepare() once more before the client ends', async () => {
    const asked: boolean[] = []
    const prepare: RealtimeOptions['prepare'] = ({ isRefresh }) => {
      asked.push(isRefresh)
      return { query: { token: `${asked.length}` } }
    }
    const bench = await refusedBy({ websocket: blocked }, { prepare })
    expect([asked, bench.client.state.status]).toEqual([[false, false, true], 'closed'])
  })

  it('do not end a client if judge() returns retry', async () => {
    const bench = await refusedBy({ websocket: blocked }, { judge: ({ cause }) => (cause === 'http.401' ? 'retry' : undefined) })
    expect([bench.client.state.status, bench.errors.length > 10]).toEqual(['waiting', true])
  })

  it('do not end a client whose only transport has been open', async () => {
    const bench = await refusedBy({ websocket: sequence(opensThenDrops(1006, 100), blocked) })
    expect([bench.client.state.status, bench.errors.length > 10]).toEqual(['waiting', true])
    expect(bench.errors.at(-1)).toMatchObject({ cause: 'http.401', verdict: 'fallback', evidence: { isRepeated: true } })
  })

  // The credentials may have expired, and an intermediary may block the WebSocket.
  it('do not keep the client from trying another transport with fresh ones', async () => {
    const bench = await refusedBy({ websocket: blocked, sse: sequence(refuses(401), opens()) }, { prepare: () => ({}) })
    expect(bench.client.state).toMatchObject({ status: 'open', transport: 'sse' })
  })

  // A follow-up question has neither the headers nor the query of prepare(), so a server that requires them refuses it.
  it('do not end a client whose other transport has been open', async () => {
    const bench = await refusedBy({ websocket: blocked, sse: opensThenDrops(1006, 70_000) })
    expect(bench.client.state.status).not.toBe('closed')
    expect(bench.transport('sse').dials.length).toBeGreaterThan(10)
  })
})
