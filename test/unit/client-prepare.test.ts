import { describe, expect, it } from 'vitest'
import type { Preparation, PrepareAttempt } from '../../src/api/options.ts'
import { StopConnecting } from '../../src/connection/stop-connecting.ts'
import { benchOf } from '../support/client-bench.ts'
import { opens, opensThenDrops, refuses, sequence, stalls } from '../support/fake-transport.ts'

/** A `prepare()` that is answered by the test. */
function manualPrepare() {
  const calls: { readonly attempt: PrepareAttempt; answer(value?: Preparation): void; fail(error: unknown): void }[] = []
  const prepare = (attempt: PrepareAttempt) =>
    new Promise<Preparation | undefined>((answer, fail) => {
      calls.push({ attempt, answer, fail })
    })
  return { calls, prepare }
}

describe('prepare()', () => {
  it('is called before every attempt, with its number, its transport and isRefresh', async () => {
    const asked: unknown[] = []
    const prepare = ({ attempt, transport, isRefresh }: PrepareAttempt) => void asked.push([attempt, transport, isRefresh])
    const { pass, client } = benchOf({ websocket: refuses(426), sse: opensThenDrops(1006, 10) }, { prepare })
    await pass(1000)
    await client.close()
    expect(asked.slice(0, 3)).toEqual([
      [0, 'websocket', false],
      [0, 'sse', false],
      [1, 'sse', false],
    ])
  })

  it('runs one call at a time, also in a race', async () => {
    let running = 0
    let most = 0
    const bench = benchOf(
      { websocket: stalls(), sse: stalls(), poll: opens() },
      {
        raceAfterMs: 10,
        async prepare() {
          running += 1
          most = Math.max(most, running)
          await new Promise<void>((resolve) => bench.host.after(300, resolve))
          running -= 1
        },
      },
    )
    await bench.pass(2000)
    expect(bench.client.state.status).toBe('open')
    expect(most).toBe(1)
  })

  it('runs one call at a time, also when its attempt is given up meanwhile', async () => {
    const { calls, prepare } = manualPrepare()
    const { pass, signal } = benchOf({ websocket: opens() }, { prepare })
    await pass(200)
    signal('resume')
    await pass(10)
    expect(calls).toHaveLength(1)
    calls[0]?.answer()
    await pass(10)
    expect(calls).toHaveLength(2)
  })

  it('runs one call at a time, also when several attempts are given up meanwhile', async () => {
    const { calls, prepare } = manualPrepare()
    const { pass, signal } = benchOf({ websocket: opens() }, { prepare })
    for (let times = 0; times < 3; times += 1) {
      await pass(10)
      signal('resume')
    }
    await pass(10)
    expect(calls).toHaveLength(1)
  })

  it('takes time that counts neither for the race nor for connectTimeoutMs', async () => {
    const { calls, prepare } = manualPrepare()
    const { pass, transport } = benchOf({ websocket: stalls(), sse: stalls() }, { prepare })
    await pass(9000)
    calls[0]?.answer()
    await pass(499)
    expect(calls).toHaveLength(1)
    await pass(1)
    expect(calls.map(({ attempt }) => attempt.transport)).toEqual(['websocket', 'sse'])
    await pass(9499)
    expect(transport('websocket').last.isHungUp).toBe(false)
    await pass(1)
    expect(transport('websocket').last.isHungUp).toBe(true)
  })

  it('has its signal aborted when its attempt is given up', async () => {
    const { calls, prepare } = manualPrepare()
    const { client, pass } = benchOf({ websocket: opens() }, { prepare })
    await pass(10)
    expect(calls[0]?.attempt.signal.aborted).toBe(false)
    await client.close()
    expect(calls[0]?.attempt.signal.aborted).toBe(true)
    calls[0]?.fail(new Error('too late'))
    await pass(10)
    expect(client.state.status).toBe('closed')
  })

  it('that throws fails the attempt, and the client retries', async () => {
    let calls = 0
    const prepare = () => {
      calls += 1
      if (calls === 1) throw new Error('no token')
      return undefined
    }
    const { client, pass, timeline } = benchOf({ websocket: opens() }, { prepare })
    const messages: string[] = []
    client.onerror = ({ diagnosis }) => messages.push(`${diagnosis.evidence.phase}: ${diagnosis.message}`)
    await pass(600)
    expect(messages).toEqual(['prepare: prepare() threw: no token'])
    expect(timeline).toContain('0 error client.unprepared, again at 500')
    expect(client.state.status).toBe('open')
  })

  it('that rejects with a string has it in the message of the diagnosis', async () => {
    const { client, pass } = benchOf({ websocket: opens() }, { prepare: () => Promise.reject('expired') })
    const messages: string[] = []
    client.onerror = ({ diagnosis }) => messages.push(diagnosis.message)
    await pass(10)
    expect(messages).toEqual(['prepare() threw: expired'])
  })

  it('that never settles fails its attempt after connectTimeoutMs, and is called again for the next one', async () => {
    const { calls, prepare } = manualPrepare()
    const { client, pass, timeline } = benchOf({ websocket: opens() }, { prepare, connectTimeoutMs: 1000 })
    const messages: string[] = []
    client.onerror = ({ diagnosis }) => messages.push(`${diagnosis.evidence.phase}: ${diagnosis.message}`)
    await pass(1000)
    expect(timeline.at(-2)).toBe('1000 error client.unprepared, again at 1500')
    expect(messages).toEqual(['prepare: prepare() did not settle within 1000 ms'])
    expect(calls[0]?.attempt.signal.aborted).toBe(true)
    await pass(500)
    expect(calls).toHaveLength(2)
    await pass(1000)
    expect(timeline.at(-2)).toMatch(/^2500 error client.unprepared/)
    while (calls.length < 3) await pass(100)
    calls[2]?.answer()
    await pass(10)
    expect(client.state.status).toBe('open')
  })

  it('that never settles delays the attempt that replaces its own until its own would have timed out', async () => {
    const { calls, prepare } = manualPrepare()
    const { client, pass, signal } = benchOf({ websocket: opens() }, { prepare, connectTimeoutMs: 1000 })
    await pass(600)
    signal('resume')
    await pass(399)
    expect(calls).toHaveLength(1)
    await pass(1)
    expect(calls).toHaveLength(2)
    calls[1]?.answer()
    await pass(10)
    expect(client.state.status).toBe('open')
  })

  it('that never settles for a better transport does not affect the open connection', async () => {
    const { calls, prepare } = manualPrepare()
    const { client, pass, transport, timeline } = benchOf({ sse: sequence(refuses(500), opens()), poll: opens() }, { prepare })
    await pass(0)
    calls[0]?.answer()
    await pass(10)
    calls[1]?.answer()
    await pass(10)
    for (let seconds = 0; seconds < 60; seconds += 1) {
      transport('poll').last.receive(`${seconds}`, { cursor: `${seconds}` })
      await pass(1000)
    }
    expect(calls.length).toBeGreaterThan(2)
    expect(timeline.filter((line) => / error client/.test(line))).toEqual([expect.stringMatching(/error client.unprepared$/)])
    expect(client.state).toMatchObject({ status: 'open', transport: 'poll' })
  })
})

describe('prepare() that throws StopConnecting', () => {
  const stop = () => {
    throw new StopConnecting('log in again')
  }

  it('ends the client, with the message of the application in the diagnosis', async () => {
    const bench = benchOf({ websocket: opens(), sse: opens() }, { prepare: stop })
    const messages: string[] = []
    bench.client.onerror = ({ diagnosis }) =>
      messages.push(`${diagnosis.cause} ${diagnosis.certainty} ${diagnosis.verdict}: ${diagnosis.message}`)
    await bench.pass(60_000)
    expect(messages).toEqual(['client.stopped certain stop: The client stopped: log in again.'])
    expect(bench.timeline).toEqual([
      '0 state connecting websocket',
      '0 error client.stopped',
      '0 close 1000, final',
      '0 state closed',
    ])
    bench.expectNothingLeft()
  })

  it.each([
    ['a rejection', () => Promise.reject(new StopConnecting('log in again'))],
    ['the class of another bundle', () => Promise.reject(Object.assign(new Error('log in again'), { name: 'StopConnecting' }))],
    ['an error of another realm', () => Promise.reject({ name: 'StopConnecting', message: 'log in again' })],
  ])('ends the client also as %s', async (_, prepare) => {
    const { client, pass } = benchOf({ websocket: opens() }, { prepare })
    await pass(1000)
    expect(client.state).toMatchObject({
      status: 'closed',
      diagnosis: { cause: 'client.stopped', message: expect.stringContaining('log in again') },
    })
  })

  it('ends the client until connect() is called', async () => {
    let isLoggedIn = false
    const { client, pass } = benchOf({ websocket: opens() }, { prepare: () => (isLoggedIn ? undefined : stop()) })
    await pass(1000)
    expect(client.state.status).toBe('closed')
    isLoggedIn = true
    client.connect()
    await pass(10)
    expect(client.state.status).toBe('open')
  })

  it('ends the client also when it is called for fresh credentials', async () => {
    const prepare = ({ isRefresh }: PrepareAttempt) => (isRefresh ? stop() : undefined)
    const { pass, timeline } = benchOf({ sse: refuses(401) }, { prepare })
    await pass(1000)
    expect(timeline.slice(-3)).toEqual(['10 error client.stopped', '10 close 1000, final', '10 state closed'])
  })

  it('ends the client also when it is called for a better transport beside an open connection', async () => {
    let calls = 0
    const prepare = () => {
      calls += 1
      return calls > 2 ? stop() : undefined
    }
    const { client, pass, transport } = benchOf({ sse: refuses(500), poll: opens() }, { prepare })
    await pass(30)
    for (let seconds = 0; seconds < 60 && client.state.status === 'open'; seconds += 1) {
      transport('poll').last.receive(`${seconds}`, { cursor: `${seconds}` })
      await pass(1000)
    }
    expect(client.state).toMatchObject({ status: 'closed', diagnosis: { cause: 'client.stopped' } })
  })

  it('can be overruled by judge()', async () => {
    const { client, pass } = benchOf({ websocket: opens() }, { prepare: stop, judge: () => 'retry' })
    await pass(20)
    expect(client.state.status).toBe('waiting')
  })
})

describe('refused credentials', () => {
  it('lead to one more call of prepare() and one more attempt; a second refusal ends the client', async () => {
    const refreshes: boolean[] = []
    const prepare = ({ isRefresh }: PrepareAttempt) => void refreshes.push(isRefresh)
    const { pass, timeline } = benchOf({ sse: refuses(401) }, { prepare })
    await pass(1000)
    expect(refreshes).toEqual([false, true])
    expect(timeline.slice(1)).toEqual(['10 error http.401', '20 error http.401', '20 close 4401, final', '20 state closed'])
  })

  it('do not end the client if the fresh ones are accepted', async () => {
    const { client, pass } = benchOf({ sse: sequence(refuses(401), opens()) }, { prepare: () => undefined })
    await pass(1000)
    expect(client.state.status).toBe('open')
  })
})

describe('what prepare() returns', () => {
  async function dialled(preparation: Preparation, type = 'sse') {
    const bench = benchOf({ [type]: opens() }, { prepare: () => preparation })
    await bench.pass(10)
    return { ...bench, ...bench.transport(type).last }
  }

  it('sets the URL, query, headers and subprotocols of the attempt', async () => {
    const { call } = await dialled({
      url: '/other?a=1',
      query: { token: 't', a: '2' },
      headers: { x: 'y' },
      subprotocols: ['v1'],
    })
    expect([call.url.href, call.sendUrl.href]).toEqual([
      'https://api.example/other?token=t&a=2',
      'https://api.example/other?token=t&a=2',
    ])
    expect([call.headers, call.subprotocols]).toEqual([{ x: 'y' }, ['v1']])
  })

  it('adds its query to the configured URL', async () => {
    const { call } = await dialled({ query: { extra: '1' } })
    expect(call.url.href).toBe('https://api.example/realtime?token=secret&extra=1')
  })

  it.each([
    ['/x??a=1', '/x??a=1&extra=1'],
    ['/x???', '/x???&extra=1'],
    ['/x?', '/x?extra=1'],
    ['/x?&', '/x?&&extra=1'],
    ['/x?a=%zz&&b=1+2', '/x?a=%zz&&b=1+2&extra=1'],
    ['/x?extra=0', '/x?extra=1'],
    ['/x??extra=0&a=1', '/x??extra=0&a=1&extra=1'],
  ])('adds its query to %s without changing the rest', async (url, path) => {
    const { call } = await dialled({ url, query: { extra: '1' } })
    expect(call.url.href).toBe(`https://api.example${path}`)
  })

  it('ends the client with an error that says so if its URL is invalid', async () => {
    const { client, pass } = benchOf({ sse: opens() }, { prepare: () => ({ url: 'ftp://api.example' }) })
    const messages: string[] = []
    client.onerror = ({ diagnosis }) => messages.push(diagnosis.message)
    await pass(10)
    expect(client.state.status).toBe('closed')
    expect(messages.join()).toMatch(/prepare\(\)\.url must be .*'ftp:/)
  })
})

describe('a value returned by prepare()', () => {
  it.each<[unknown, RegExp]>([
    ['a token', /returned a string, not an object such as/],
    [{ query: 'token=t' }, /a query which is no plain object/],
    [{ query: null }, /a query which is no plain object/],
    [{ query: new URLSearchParams({ token: 't' }) }, /a query which is no plain object/],
    [{ header: { a: 'b' } }, /returned an unknown option 'header'; did you mean 'headers'\? There are url, query, /],
    [{ token: 't' }, /returned an unknown option 'token'; there are url, query, headers, subprotocols, auth, greeting$/],
    [['a'], /returned an unknown option '0'/],
    [{ headers: { Authorization: undefined } }, /headers of which the value of Authorization is no string/],
    [{ headers: { Authorization: null } }, /headers of which the value of Authorization is no string/],
    [{ headers: { Authorization: { token: 't' } } }, /headers of which the value of Authorization is no string/],
    [{ headers: { Authorization: Symbol('t') } }, /headers of which the value of Authorization is no string/],
    [{ query: { token: undefined } }, /a query of which the value of token is no string/],
    [{ query: { token: { a: 1 } } }, /a query of which the value of token is no string/],
    [{ query: { a: ['1', undefined] } }, /a query of which the value of a is no string/],
    [{ query: { token: Symbol('t') } }, /a query of which the value of token is no string/],
    [{ greeting: { token: 't' } }, /a greeting that is not a string/],
    [{ greeting: null }, /a greeting that is not a string/],
  ])('that is invalid ends the client with an error that says why: %o', async (returned, message) => {
    const { client, pass, transport, timeline } = benchOf({ websocket: opens() }, { prepare: () => returned as Preparation })
    const messages: string[] = []
    client.onerror = ({ diagnosis }) => messages.push(diagnosis.message)
    await pass(100)
    expect([client.state.status, transport('websocket').dials]).toEqual(['closed', []])
    expect(messages.join()).toMatch(message)
    expect(timeline).toContainEqual(expect.stringMatching(/error client\.unprepared/))
  })

  it('may have numbers and booleans where JavaScript has no strings', async () => {
    const returned: unknown = { query: { n: 1, all: true }, headers: { 'X-Count': 2 } }
    const { client, pass, transport } = benchOf({ sse: opens() }, { prepare: () => returned as Preparation })
    await pass(100)
    expect(client.state.status).toBe('open')
    expect(transport('sse').last.call.url.search).toBe('?token=secret&n=1&all=true')
  })

  it.each([undefined, null, false, '', {}, []])('that is empty has no effect: %o', async (returned) => {
    const { client, pass } = benchOf({ websocket: opens() }, { prepare: () => returned as Preparation })
    await pass(100)
    expect(client.state.status).toBe('open')
  })
})

describe('headers that prepare() returns for a WebSocket', () => {
  const headers = { authorization: 'Bearer t' }

  it('end the client, with an error that names the alternatives, if nothing else is given', async () => {
    const { client, pass } = benchOf({ websocket: opens(), sse: opens() }, { prepare: () => ({ headers }) })
    const messages: string[] = []
    client.onerror = ({ diagnosis }) => messages.push(diagnosis.message)
    await pass(100)
    expect(client.state.status).toBe('closed')
    expect(messages.join()).toMatch(/WebSocket.*query, subprotocols or a greeting/)
  })

  it.each<[string, Preparation]>([
    ['a query', { query: { token: 't' } }],
    ['subprotocols', { subprotocols: ['t'] }],
    ['a URL', { url: '/x?token=t' }],
    ['a greeting', { greeting: 'auth t' }],
  ])('are ignored if %s comes with them', async (_, preparation) => {
    const { client, pass } = benchOf({ websocket: opens() }, { prepare: () => ({ headers, ...preparation }) })
    await pass(100)
    expect(client.state.status).toBe('open')
  })
})
