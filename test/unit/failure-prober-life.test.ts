import { describe, expect, it } from 'vitest'
import { blocked, failedAndAnswered, failedOnce, type Investigated, investigated } from '../support/diagnosed.ts'
import { opens, opensThenDrops, refuses, sequence } from '../support/fake-transport.ts'

const minute = 60_000

describe('the failure prober', () => {
  const heartbeat = { message: 'ping', intervalMs: 5000, timeoutMs: 1000 }

  it('starts a new streak once the transport has opened: the next failure is not repeated, and is asked about', async () => {
    const bench = await failedAndAnswered({ websocket: sequence(blocked, opens(), blocked) }, { heartbeat })
    expect(bench.told()).toEqual(['net.unreachable', '(ws.failed)'])
    bench.questions.reply = (question) => question.answer()
    await bench.pass(120_000)
    const later = bench.errors.slice(1)
    expect(later[0]).toMatchObject({ evidence: { kind: 'silent', hasOpened: true } })
    expect(later[0]?.evidence).not.toHaveProperty('isRepeated')
    expect(bench.questions.rounds).toBe(2)
    expect(later.at(-1)?.evidence).toMatchObject({ isRepeated: true, followUp: { status: 200 } })
  })

  it('forgets its findings once the transport has opened: they do not judge the loss of that connection', async () => {
    const bench = await failedAndAnswered(
      { websocket: sequence(blocked, opens(), blocked) },
      { heartbeat: { ...heartbeat, intervalMs: minute } },
    )
    await bench.pass(5 * minute)
    const silent = bench.errors.find(({ evidence }) => evidence.kind === 'silent')
    expect(silent?.evidence).not.toHaveProperty('followUp')
    expect(silent?.cause).toBe('conn.silent')
  })

  it('keeps its questions about a loss when the next connection opens: the answers still refine it', async () => {
    const bench = investigated({ websocket: sequence(opens(), opens()) }, { heartbeat })
    await bench.pass(11_000)
    expect([bench.client.state.status, bench.told(), bench.questions.rounds]).toEqual(['open', ['conn.silent'], 1])
    bench.questions.answerAll()
    await bench.pass(0)
    expect(bench.told()).toEqual(['(conn.stale)'])
  })

  it('forgets its findings at a loss, also those about another transport that has never been open', async () => {
    const bench = await failedAndAnswered({ websocket: blocked, sse: sequence(opensThenDrops(1006, minute), opens()) })
    await bench.pass(minute + 1000)
    const [, loss, again] = bench.errors
    expect([loss?.evidence.transport, again?.evidence.transport]).toEqual(['sse', 'websocket'])
    for (const { evidence } of [loss, again].flatMap((each) => each ?? [])) {
      expect(evidence).not.toHaveProperty('followUp')
      expect(evidence).not.toHaveProperty('isRepeated')
    }
    // SSE is open again, so the network works, and there is a round about the WebSocket.
    expect([bench.client.state.status, bench.questions.rounds]).toEqual(['open', 1])
    await bench.pass(5000)
    expect(bench.questions.rounds).toBe(2)
  })

  it('judges two outages of one client separately', async () => {
    // The first outage is a restart: HTTP works before the WebSocket does. In the second one nothing works.
    const bench = investigated({
      websocket: sequence(opensThenDrops(1006, 10_000), blocked, blocked, opensThenDrops(1006, 10_000), blocked),
      sse: blocked,
    })
    bench.questions.reply = (question) => question.answer()
    bench.clock.advance(0)
    while (bench.client.report().attempts.filter(({ transport, cause }) => transport === 'websocket' && cause).length < 5)
      await bench.pass(1000)
    expect(bench.told().filter((cause) => cause.includes('ws.'))).toEqual([])
  })

  it('asks once about an outage that is too long for a restart, 15 to 30 s after the loss', async () => {
    for (const [random, least, most] of [
      [0, 15_000, 21_000],
      [0.99, 29_000, 36_000],
    ] as const) {
      const servers = { websocket: sequence(opensThenDrops(1006, 10_000), blocked), sse: blocked }
      const bench = investigated(servers, {}, { random })
      while (bench.errors.length === 0) await bench.pass(10)
      const from = bench.clock.now()
      while (!bench.questions.rounds) await bench.pass(10)
      const waited = bench.clock.now() - from
      expect([waited >= least, waited <= most]).toEqual([true, true])
      bench.questions.failAll()
      await bench.pass(10 * minute)
      expect(bench.questions.rounds).toBe(1)
      expect(bench.errors.at(-1)?.evidence).toMatchObject({ isRepeated: true, followUp: { opaque: 'failed' } })
    }
  })

  it('leaves no timer for a silence that a new connection ended before it was asked about', async () => {
    const bench = investigated({ websocket: sequence(opens(), opens()) }, { heartbeat })
    await bench.pass(6500)
    await bench.client.close()
    bench.expectNothingLeft()
  })

  it('aborts its questions and forgets its findings when the network has changed', async () => {
    const bench = await failedOnce()
    const { all } = bench.questions
    bench.signal('online')
    await bench.pass(0)
    expect([all.every(({ isAborted }) => isAborted), bench.refined]).toEqual([true, []])
    await bench.pass(40_000)
    expect(bench.questions.rounds).toBe(2)
    bench.questions.answerAll()
    await bench.pass(minute)
    expect(bench.errors.at(-1)?.evidence).toMatchObject({ isRepeated: true })
    bench.signal('online')
    await bench.pass(2000)
    expect(bench.errors.at(-1)?.evidence).not.toHaveProperty('isRepeated')
    expect(bench.errors.at(-1)?.evidence).not.toHaveProperty('followUp')
  })

  it('keeps its pause of 30 s, however often the network changes', async () => {
    const bench = await failedOnce(undefined, { retry: { minDelayMs: 500, factor: 1 } })
    for (let second = 0; second < 29; second += 1) {
      bench.signal('online')
      await bench.pass(1000)
    }
    expect([bench.questions.rounds, bench.errors.length > 20]).toEqual([1, true])
  })
})

describe('the end of a client', () => {
  it.each([
    ['in flight', (_: Investigated) => {}],
    ['that are answered at that moment', ({ questions }: Investigated) => questions.answerAll()],
  ])('with questions %s leaves no request, timer or listener', async (_, answer) => {
    const bench = await failedOnce()
    answer(bench)
    void bench.client.close()
    expect(bench.questions.all.every(({ isAborted }) => isAborted)).toBe(true)
    await bench.pass(0)
    bench.expectNothingLeft()
    await bench.pass(minute)
    expect([bench.refined, bench.questions.rounds]).toEqual([[], 1])
    bench.expectNothingLeft()
  })

  it('by a verdict leaves no request, timer or listener', async () => {
    const bench = await failedOnce({ websocket: sequence(blocked, refuses(401)) })
    await bench.pass(1000)
    expect(bench.client.state.status).toBe('closed')
    bench.expectNothingLeft()
  })

  it('by a failure that is not retried sends no questions', async () => {
    const bench = await failedOnce(undefined, { retry: false })
    expect(bench.client.state.status).toBe('closed')
    bench.expectNothingLeft()
  })

  it('makes connect() start without the findings, but with the pause of 30 s', async () => {
    const bench = await failedAndAnswered()
    await bench.client.close()
    bench.client.connect()
    await bench.pass(15)
    expect(bench.errors.at(-1)?.evidence).not.toHaveProperty('followUp')
    expect(bench.questions.rounds).toBe(1)
    await bench.pass(45_000)
    expect(bench.questions.rounds).toBe(2)
  })
})
