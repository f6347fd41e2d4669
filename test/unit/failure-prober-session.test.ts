import { describe, expect, it } from 'vitest'
import type { RealtimeOptions } from '../../src/api/options.ts'
import { diagnosesOf } from '../support/diagnosed.ts'
import { sessionClient } from '../support/session-client-bench.ts'

const endpoint = 'https://api.example/realtime'
const ledger = { steadfast: 'v1', scope: 'all', sawRequest: true, sawUpgrade: false, verdict: null, offeredProtocols: [] }

/** A session's client whose first dial is on its way. */
async function dialling(options: RealtimeOptions = {}) {
  const bench = sessionClient({ probe: true, ...options })
  await bench.pass(0)
  return { ...bench, bench, ...diagnosesOf(bench.client) }
}

/** The same, and its WebSocket has failed. */
async function failedOnce(options: RealtimeOptions = {}) {
  const bench = await dialling(options)
  bench.network.socket.end(1006, '', false)
  await bench.pass(0)
  return bench
}

describe("what a session's server is asked", () => {
  it('is about the attempt that failed, by the name that it was dialled with', async () => {
    const { network, questions } = await failedOnce()
    const attempt = network.socket.url.searchParams.get('attempt')
    expect(attempt).toMatch(/^[\w-]{22}$/)
    expect(questions.all.map(({ url }) => url.href)).toEqual([`${endpoint}?diagnose=${attempt}`, endpoint, endpoint])
    expect(questions.all.map(({ init }) => init.credentials)).toEqual(['omit', undefined, 'include'])
  })

  it('holds nothing of the session', async () => {
    const { questions, network } = await failedOnce({ prepare: () => ({ auth: 'token', query: { key: 'value' } }) })
    const { session } = network.socket.hello
    for (const { url, init } of questions.all) {
      expect(`${url.href} ${JSON.stringify({ ...init, signal: null })}`).not.toMatch(new RegExp(`${session}|token|value`))
    }
  })

  it('what it saw is certain', async () => {
    const { questions, refined, pass } = await failedOnce()
    questions.of('readable').json(ledger)
    questions.answerAll()
    await pass(0)
    expect(refined).toMatchObject([{ cause: 'ws.upgrade_stripped', certainty: 'certain' }])
  })

  it('of a handshake that names no protocol it tells whether it was the server', async () => {
    const { network, questions, pass, told } = await dialling()
    network.socket.accept('')
    await pass(0)
    questions.of('readable').json({ ...ledger, sawUpgrade: true, verdict: 'accepted' })
    questions.answerAll()
    await pass(0)
    expect(told()).toEqual(['protocol-mismatch', '(ws.subprotocol)'])
  })

  it('what it saw of an attempt is no evidence about those of another transport', async () => {
    const bench = await failedOnce({ transports: ['websocket', 'sse'], retry: { minDelayMs: 1000, factor: 1 } })
    const { network, questions, pass, errors, refined } = bench
    await pass(1000)
    questions.of('readable').json({ ...ledger, sawRequest: false })
    questions.answerAll()
    // Until there is a round about the other transport.
    for (let second = 0; second < 60 && questions.rounds < 2; second += 1) {
      if (!network.receiving.isAborted) network.receiving.break()
      await pass(1000)
      network.socket.end(1006, '', false)
      await pass(0)
    }
    const asked = questions.of('readable').url.searchParams.get('diagnose')
    expect(network.requests.map(({ url }) => url.searchParams.get('attempt'))).toContain(asked)
    questions.of('readable').json(ledger)
    questions.answerAll()
    await pass(2000)
    network.socket.end(1006, '', false)
    await pass(0)
    const ofSockets = [...errors, ...refined].filter(({ evidence }) => evidence.transport === 'websocket')
    expect(ofSockets.map(({ cause }) => cause)).not.toContain('ws.upgrade_stripped')
  })

  it('an answer about one URL is no evidence about another', async () => {
    const transports = ['websocket', { type: 'sse', url: 'https://other.example/realtime' }] as const
    const { network, questions, pass, errors, refined } = await failedOnce({ transports })
    await pass(1000)
    questions.of('readable').json({ ...ledger, sawRequest: false })
    questions.answerAll()
    await pass(0)
    network.receiving.break()
    await pass(1000)
    network.socket.end(1006, '', false)
    await pass(0)
    const isKnown = errors.map(({ evidence }) => [evidence.transport, !!evidence.followUp, !!evidence.isRepeated])
    expect(isKnown).toEqual([
      ['websocket', false, false],
      ['sse', false, false],
      ['websocket', true, true],
    ])
    expect(refined.map(({ evidence }) => evidence.transport)).toEqual(['websocket'])
  })
})

describe("what a session's server saw of the end", () => {
  type LastEnd = { readonly by: 'client' | 'server' | 'network'; readonly code: number; readonly reason: string }

  /** A session that is lost, and comes back. */
  async function cameBack(lastEnd: LastEnd | undefined, options: RealtimeOptions = {}) {
    const client = await dialling(options)
    client.network.socket.open()
    await client.pass(10)
    client.network.socket.end(1006, '', false)
    await client.pass(1000)
    client.network.socket.open({ resumed: true, ...(lastEnd && { lastEnd }) })
    await client.pass(10)
    return client
  }

  it.each<[LastEnd, string]>([
    [{ by: 'server', code: 4503, reason: 'restart' }, '(close.4503)'],
    [{ by: 'client', code: 1002, reason: '' }, '(conn.protocol_error)'],
    [{ by: 'network', code: 1006, reason: '' }, '(conn.dropped)'],
  ])('refines the loss when it has come back: %j', async (lastEnd, cause) => {
    const { told, client, refined, questions } = await cameBack(lastEnd)
    expect(told()).toEqual(['conn.dropped', cause])
    expect(refined[0]?.evidence).toMatchObject({ phase: 'open', lastEnd })
    const [attempt] = client.report().attempts
    expect(attempt).toMatchObject({ cause: cause.slice(1, -1), evidence: { lastEnd: { by: lastEnd.by, code: lastEnd.code } } })
    // Of a connection that was open nothing is asked.
    expect(questions.all).toEqual([])
  })

  it('is told without any question, too', async () => {
    const { told } = await cameBack({ by: 'server', code: 4503, reason: '' }, { probe: false })
    expect(told()).toEqual(['conn.dropped', '(close.4503)'])
  })

  it('changes nothing where the server says nothing of it', async () => {
    expect((await cameBack(undefined)).told()).toEqual(['conn.dropped'])
  })

  it('is told once, and of that loss alone', async () => {
    const { told, network, pass, client } = await cameBack({ by: 'server', code: 4503, reason: '' })
    told()
    network.socket.end(1001)
    await pass(3000)
    network.socket.open({ resumed: true })
    await pass(10)
    expect(told()).toEqual(['close.1001'])
    expect(client.report().attempts.map(({ cause }) => cause)).toEqual(['close.4503', 'close.1001', undefined])
  })

  it('is told of the loss, though attempts to come back have failed', async () => {
    const { network, pass, told, client } = await dialling({ probe: false })
    network.socket.open()
    await pass(10)
    network.socket.end(1006, '', false)
    await pass(1000)
    network.socket.end(1006, '', false)
    await pass(3000)
    network.socket.open({ resumed: true, lastEnd: { by: 'server', code: 4503, reason: '' } })
    await pass(10)
    expect(told()).toEqual(['conn.dropped', 'net.unreachable', '(close.4503)'])
    expect(client.report().attempts.map(({ cause }) => cause)).toEqual(['close.4503', 'net.unreachable', undefined])
  })

  it('is not told of a loss that was long ago, when the client itself has hung up since', async () => {
    const { told, network, pass, signal } = await cameBack({ by: 'server', code: 4503, reason: '' })
    told()
    signal('pagehide')
    signal({ type: 'pageshow', persisted: true })
    await pass(1000)
    network.socket.open({ resumed: true, lastEnd: { by: 'client', code: 1002, reason: '' } })
    await pass(10)
    expect(told()).toEqual([])
  })

  it('does not stop what is open, whatever it was', async () => {
    const { client, refined } = await cameBack({ by: 'server', code: 4401, reason: '' })
    expect(refined).toMatchObject([{ cause: 'close.4401', verdict: 'retry' }])
    expect(client.state.status).toBe('open')
  })

  it('is forgotten with the session', async () => {
    const { network, pass, client, told } = await dialling()
    network.socket.open()
    await pass(10)
    network.socket.end(1006, '', false)
    await pass(0)
    const closed = client.close()
    // So long the end of the session, which is posted, may take.
    await pass(5000)
    await closed
    told()
    client.connect()
    await pass(10)
    network.socket.open({ lastEnd: { by: 'server', code: 4503, reason: '' } })
    await pass(10)
    expect(told()).toEqual([])
  })
})

it('after the end of a session nothing is left of the questions', async () => {
  const { bench, questions } = await failedOnce()
  void bench.client.close()
  await bench.pass(0)
  bench.expectNothingLeft()
  expect(questions.all.every(({ isAborted }) => isAborted)).toBe(true)
})
