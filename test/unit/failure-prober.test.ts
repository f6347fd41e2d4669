import { describe, expect, it } from 'vitest'
import { benchOf } from '../support/client-bench.ts'
import { blocked, failedAndAnswered, failedOnce, investigated } from '../support/diagnosed.ts'
import { opens, opensThenDrops, refuses, sequence, stalls } from '../support/fake-transport.ts'

const minute = 60_000

describe('a round of follow-up questions', () => {
  it('is asked once for a streak of failures, answered or not, however long the streak lasts', async () => {
    for (const answer of [true, false]) {
      const bench = await failedOnce()
      if (answer) bench.questions.answerAll()
      await bench.pass(60 * minute)
      expect([bench.questions.rounds, bench.errors.length > 10]).toEqual([1, true])
    }
  })

  it('requests only the URL of the endpoint and the origin of the page', async () => {
    const bench = await failedOnce(undefined, { host: { pageOrigin: 'https://app.example' } })
    const endpoint = 'https://api.example/realtime?token=secret'
    expect(bench.questions.all.map(({ url }) => url.href)).toEqual([endpoint, endpoint, endpoint, 'https://app.example/'])
    expect(bench.questions.of('readable').init.credentials).toBe('same-origin')
  })

  it('is not asked while another is pending, nor about another transport to which the same answers apply', async () => {
    const servers = { websocket: blocked, sse: blocked }
    const bench = await failedOnce(servers, { retry: { minDelayMs: 1000, factor: 1 } })
    await bench.pass(1000)
    bench.questions.answerAll()
    await bench.pass(29_000)
    expect(bench.transport('sse').dials.length).toBeGreaterThan(10)
    expect(bench.questions.rounds).toBe(1)
    await bench.pass(minute)
    expect(bench.questions.rounds).toBe(1)
  })

  it('waits until the transport that is tried next has opened, failed, or had its time', async () => {
    const opened = await failedOnce({ websocket: blocked, sse: opens(2) })
    await opened.pass(900)
    expect([opened.client.state.status, opened.questions.rounds]).toEqual(['open', 0])
    await opened.pass(200)
    expect(opened.questions.rounds).toBe(1)
    const failed = await failedOnce({ websocket: blocked, sse: blocked })
    await failed.pass(10)
    expect(failed.questions.rounds).toBe(1)
    const closed = await failedOnce({ websocket: blocked, sse: stalls() })
    await closed.client.close()
    await closed.pass(2000)
    expect(closed.questions.rounds).toBe(0)
  })

  it('is not asked while another is pending, though the clock has jumped', async () => {
    const bench = await failedOnce({ websocket: blocked, sse: stalls() })
    bench.clock.sleep(40_000)
    bench.transport('sse').last.fail({ kind: 'broken', detail: 'TypeError' })
    expect(bench.questions.rounds).toBe(1)
  })

  it.each([
    ['a status', refuses(503)],
    ['a close code of a connection that was open', opensThenDrops(1012, 100)],
    ['a lost connection', opensThenDrops(1006, 100)],
  ])('is not asked if %s already shows the cause', async (_, behaviour) => {
    const bench = investigated({ websocket: behaviour })
    await bench.pass(10 * minute)
    expect([bench.errors.length > 1, bench.questions.all]).toEqual([true, []])
  })

  it('is not asked by a client with the option `probe: false`', async () => {
    const bench = investigated({ websocket: blocked }, { probe: false })
    await bench.pass(10 * minute)
    expect([bench.errors.length > 1, bench.questions.all]).toEqual([true, []])
  })

  it('is asked within 5 s if an open connection went silent', async () => {
    const heartbeat = { message: 'ping', intervalMs: 1000, timeoutMs: 500 }
    const bench = investigated({ websocket: sequence(opens(), stalls()) }, { heartbeat })
    await bench.pass(2000)
    expect(bench.questions.rounds).toBe(0)
    await bench.pass(5000)
    bench.questions.answerAll()
    await bench.pass(0)
    expect(bench.told()).toEqual(['conn.silent', '(conn.stale)'])
  })

  it('never delays an attempt: events have the same times with questions, answered or not, and without them', async () => {
    const servers = () => ({ websocket: sequence(blocked, stalls(), opensThenDrops(1006, 7000), blocked), sse: refuses(1006) })
    const life = async (probe: boolean, isAnswered: boolean) => {
      const bench = benchOf(servers(), { probe })
      for (let second = 0; second < 600; second += 1) {
        await bench.pass(1000)
        if (isAnswered) bench.questions.answerAll()
      }
      // The diagnoses of the failures differ, but not the events and their times.
      return bench.timeline.flatMap((line) => (line.includes('diagnosis') ? [] : line.replace(/error [\w.-]+/, 'error')))
    }
    const without = await life(false, false)
    expect(without.length).toBeGreaterThan(50)
    expect(await life(true, false)).toEqual(without)
    expect(await life(true, true)).toEqual(without)
  })
})

describe('the answers to a round of questions', () => {
  it('refine the diagnosis of the failure, in an event and in the report', async () => {
    const bench = await failedOnce()
    expect(bench.told()).toEqual(['net.unreachable'])
    bench.questions.answerAll(503)
    await bench.pass(0)
    expect(bench.told()).toEqual(['(http.503)'])
    const [diagnosis] = bench.refined
    expect(diagnosis).toMatchObject({
      certainty: 'likely',
      verdict: 'fallback',
      message: 'Probably api.example answered with HTTP status 503.',
    })
    expect(diagnosis?.evidence).toEqual({ ...bench.errors[0]?.evidence, followUp: expect.objectContaining({ status: 503 }) })
    const [attempt] = bench.client.report().attempts
    expect(attempt).toMatchObject({
      id: 1,
      endedAt: '1970-01-01T00:00:00.010Z',
      cause: 'http.503',
      evidence: { followUp: { status: 503 } },
    })
  })

  it('are evidence of later failures, and only those are repeated', async () => {
    const bench = await failedAndAnswered()
    expect(bench.refined[0]?.evidence).not.toHaveProperty('isRepeated')
    expect(bench.refined[0]).toMatchObject({ cause: 'ws.failed', certainty: 'possible' })
    await bench.pass(1000)
    expect(bench.errors[1]).toMatchObject({ cause: 'ws.failed', certainty: 'likely' })
    expect(bench.errors[1]?.evidence).toMatchObject({ isRepeated: true, followUp: { status: 200 } })
  })

  it('refine the failure that was asked about, and the last of several failures since', async () => {
    const bench = investigated({ websocket: blocked })
    await bench.pass(3000)
    const { length } = bench.errors
    expect([length > 1, bench.errors.some(({ evidence }) => evidence.isRepeated)]).toEqual([true, false])
    bench.questions.answerAll()
    await bench.pass(0)
    const ids = bench.client.report().attempts.filter(({ cause }) => cause === 'ws.failed')
    expect([bench.refined.length, ids.map(({ id }) => id)]).toEqual([2, [1, length]])
  })

  it('apply to all failed transports of that URL, and a single failure is not repeated', async () => {
    const bench = await failedOnce({ websocket: blocked, sse: refuses(1006, { afterMs: 2 }) })
    bench.told()
    bench.questions.answerAll()
    await bench.pass(0)
    expect(bench.refined.map(({ evidence }) => [evidence.transport, evidence.isRepeated])).toEqual([
      ['websocket', undefined],
      ['sse', undefined],
    ])
  })

  it('do not make the first failure of another transport a repeated one', async () => {
    const bench = await failedAndAnswered({ websocket: blocked, sse: refuses(1006, { afterMs: 100 }) })
    await bench.pass(100)
    expect(bench.errors.map(({ evidence }) => [evidence.transport, evidence.isRepeated])).toEqual([
      ['websocket', undefined],
      ['sse', undefined],
    ])
  })

  it('count as silence if they do not arrive within 5 s', async () => {
    const bench = await failedOnce()
    await bench.pass(5000)
    expect(bench.told().at(-1)).toBe('(path.proxy_auth)')
    expect(bench.questions.open).toEqual([])
  })
})
