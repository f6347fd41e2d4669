import { describe, expect, it } from 'vitest'
import type { RealtimeOptions } from '../../src/api/options.ts'
import { diagnosesOf } from '../support/diagnosed.ts'
import { sessionClient } from '../support/session-client-bench.ts'

const endpoint = 'https://api.example/realtime'
const ledger = { steadfast: 'v1', scope: 'all', sawRequest: true, sawUpgrade: false, verdict: null, offeredProtocols: [] }

/** The client of a session whose first dial is in progress. */
async function dialling(options: RealtimeOptions = {}) {
  const bench = sessionClient({ probe: true, ...options })
  await bench.pass(0)
  return { ...bench, bench, ...diagnosesOf(bench.client) }
}

/** The same, after its WebSocket has failed. */
async function failedOnce(options: RealtimeOptions = {}) {
  const bench = await dialling(options)
  bench.network.socket.end(1006, '', false)
  await bench.pass(0)
  return bench
}

describe('the follow-up questions of a session', () => {
  it('include one about the failed attempt, by the id with which it was dialled', async () => {
    const { network, questions } = await failedOnce()
    const attempt = network.socket.url.searchParams.get('attempt')
    expect(attempt).toMatch(/^[\w-]{22}$/)
    expect(questions.all.map(({ url }) => url.href)).toEqual([`${endpoint}?diagnose=${attempt}`, endpoint, endpoint])
    expect(questions.all.map(({ init }) => init.credentials)).toEqual(['omit', undefined, 'include'])
  })

  it('contain neither the session id nor anything from prepare()', async () => {
    const { questions, network } = await failedOnce({ prepare: () => ({ auth: 'token', query: { key: 'value' } }) })
    const { session } = network.socket.hello
    for (const { url, init } of questions.all) {
      expect(`${url.href} ${JSON.stringify({ ...init, signal: null })}`).not.toMatch(new RegExp(`${session}|token|value`))
    }
  })

  it('lead to a certain diagnosis from the ledger of the server', async () => {
    const { questions, refined, pass } = await failedOnce()
    questions.of('readable').json(ledger)
    questions.answerAll()
    await pass(0)
    expect(refined).toMatchObject([{ cause: 'ws.upgrade_stripped', certainty: 'certain' }])
  })

  it('show whether the server itself accepted a handshake that names no subprotocol', async () => {
    const { network, questions, pass, told } = await dialling()
    network.socket.accept('')
    await pass(0)
    questions.of('readable').json({ ...ledger, sawUpgrade: true, verdict: 'accepted' })
    questions.answerAll()
    await pass(0)
    expect(told()).toEqual(['protocol-mismatch', '(ws.subprotocol)'])
  })

  it('give no evidence about the attempts of another transport', async () => {
    const bench = await failedOnce({ transports: ['websocket', 'sse'], retry: { minDelayMs: 1000, factor: 1 } })
    const { network, questions, pass, errors, refined } = bench
    await pass(1000)
    questions.of('readable').json({ ...ledger, sawRequest: false })
    questions.answerAll()
    // Repeated until there is a round about the other transport.
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

  it('give no evidence about another URL', async () => {
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

describe("the server's report of how the previous connection ended", () => {
  type LastEnd = { readonly by: 'client' | 'server' | 'network'; readonly code: number; readonly reason: string }

  /** A client whose connection is lost, and resumed with this report. */
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
  ])('refines the diagnosis of the loss after the reconnect: %j', async (lastEnd, cause) => {
    const { told, client, refined, questions } = await cameBack(lastEnd)
    expect(told()).toEqual(['conn.dropped', cause])
    expect(refined[0]?.evidence).toMatchObject({ phase: 'open', lastEnd })
    const [attempt] = client.report().attempts
    expect(attempt).toMatchObject({ cause: cause.slice(1, -1), evidence: { lastEnd: { by: lastEnd.by, code: lastEnd.code } } })
    // There are no questions about a connection that was open.
    expect(questions.all).toEqual([])
  })

  it('refines the diagnosis also without follow-up questions', async () => {
    const { told } = await cameBack({ by: 'server', code: 4503, reason: '' }, { probe: false })
    expect(told()).toEqual(['conn.dropped', '(close.4503)'])
  })

  it('changes nothing if the server sends none', async () => {
    expect((await cameBack(undefined)).told()).toEqual(['conn.dropped'])
  })

  it('refines the diagnosis once, and only of that loss', async () => {
    const { told, network, pass, client } = await cameBack({ by: 'server', code: 4503, reason: '' })
    told()
    network.socket.end(1001)
    await pass(3000)
    network.socket.open({ resumed: true })
    await pass(10)
    expect(told()).toEqual(['close.1001'])
    expect(client.report().attempts.map(({ cause }) => cause)).toEqual(['close.4503', 'close.1001', undefined])
  })

  it('refines the diagnosis of the loss though attempts to reconnect have failed since', async () => {
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

  it('does not apply to an earlier loss if the client itself has hung up since', async () => {
    const { told, network, pass, signal } = await cameBack({ by: 'server', code: 4503, reason: '' })
    told()
    signal('pagehide')
    signal({ type: 'pageshow', persisted: true })
    await pass(1000)
    network.socket.open({ resumed: true, lastEnd: { by: 'client', code: 1002, reason: '' } })
    await pass(10)
    expect(told()).toEqual([])
  })

  it('does not end the open connection, whatever its code', async () => {
    const { client, refined } = await cameBack({ by: 'server', code: 4401, reason: '' })
    expect(refined).toMatchObject([{ cause: 'close.4401', verdict: 'retry' }])
    expect(client.state.status).toBe('open')
  })

  it('does not apply to the loss of a session that has ended', async () => {
    const { network, pass, client, told } = await dialling()
    network.socket.open()
    await pass(10)
    network.socket.end(1006, '', false)
    await pass(0)
    const closed = client.close()
    // The POST that ends the session may take this long.
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

it('the end of a session aborts its follow-up questions', async () => {
  const { bench, questions } = await failedOnce()
  void bench.client.close()
  await bench.pass(0)
  bench.expectNothingLeft()
  expect(questions.all.every(({ isAborted }) => isAborted)).toBe(true)
})
