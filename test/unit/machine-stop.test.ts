import { describe, expect, it } from 'vitest'
import { Driver, diagnosisOf, findings } from '../support/machine-driver.ts'

const { refused, answered, closed, unsupported } = findings
const unauthorized = answered(401)
const unavailable = answered(503)

describe('refused credentials', () => {
  it.each([401, 403])('(%i) end the client if there is no prepare()', (status) => {
    const driver = new Driver({ names: ['sse'] }).connect()
    driver.lines()
    expect(driver.failed('sse', answered(status)).lines()).toEqual([
      '0 hang-up sse',
      `0 error http.${status}`,
      `0 close ${4000 + status}, final`,
      '0 state closed',
    ])
  })

  it('lead to one more attempt at once if there is prepare(); a second refusal ends the client', () => {
    const driver = new Driver({ names: ['sse'], prepares: true }).connect()
    driver.lines()
    expect(driver.failed('sse', unauthorized).lines()).toEqual(['0 hang-up sse', '0 dial sse', '0 error http.401'])
    expect(driver.state.isRefreshed).toBe(true)
    expect(driver.failed('sse', unauthorized).status).toBe('closed')
  })

  it('on one transport prevent further dials, while attempts in progress go on', () => {
    const driver = new Driver({ prepares: true }).connect().prepared('websocket').pass(500)
    expect(driver.failed('sse', unauthorized).pass(5000).live).toEqual(['websocket'])
    expect(driver.failed('websocket', refused).live).toEqual(['websocket'])
    driver.prepared('websocket').pass(500)
    expect(driver.failed('sse', unauthorized).failed('websocket', refused).status).toBe('closed')
  })

  it('on one transport have no effect if another one opens', () => {
    const driver = new Driver().connect().pass(500)
    expect(driver.failed('sse', unauthorized).opened('websocket').status).toBe('open')
  })

  it('end the client if the fresh ones are refused soon, but not if they worked for a while', () => {
    const driver = new Driver({ names: ['websocket'], prepares: true }).connect().opened('websocket')
    expect(driver.failed('websocket', closed(4401)).status).toBe('waiting')
    driver.pass(500).opened('websocket')
    expect(driver.failed('websocket', closed(4401)).status).toBe('closed')

    driver.connect().opened('websocket').failed('websocket', closed(4401)).pass(500).opened('websocket').pass(5000)
    expect(driver.failed('websocket', closed(4401)).status).toBe('waiting')
  })

  it.each([
    ['a message was received', (driver: Driver) => driver.received()],
    ['one was sent and something was received', (driver: Driver) => driver.sent().heard()],
  ])('lead to a retry, however soon the fresh ones are refused, if before %s', (_, carry) => {
    const driver = new Driver({ names: ['websocket'], prepares: true }).connect()
    for (let tokens = 0; tokens < 10; tokens += 1) {
      carry(driver.opened('websocket')).pass(3000)
      expect(driver.failed('websocket', closed(4401)).status).toBe('waiting')
      expect(driver.state.isRefreshed).toBe(true)
      driver.wait()
    }
  })

  it('end the client if messages were sent with the fresh ones, but nothing was received', () => {
    const driver = new Driver({ names: ['websocket'], prepares: true }).connect()
    driver.opened('websocket').sent().failed('websocket', closed(4401)).wait().opened('websocket').sent()
    expect(driver.failed('websocket', closed(4401)).status).toBe('closed')
  })

  it.each([
    ['waits', (driver: Driver) => driver.failed('websocket', refused)],
    ['waits for a network', (driver: Driver) => driver.failed('websocket', refused).signal('offline')],
    ['connects', (driver: Driver) => driver],
  ])('diagnosed later, while the client %s, lead to one more attempt at once, then to the end', (_, lead) => {
    const driver = lead(new Driver({ names: ['websocket'], prepares: true }).connect().prepared('websocket'))
    const before = driver.live
    driver.lines()
    driver.apply({ type: 'refined', diagnosis: diagnosisOf(unauthorized, 'connect') })
    const anew = ['0 dial websocket', '0 state connecting']
    expect(driver.lines()).toEqual(before.length ? ['0 hang-up websocket', anew[0]] : anew)
    expect([driver.status, driver.state.isRefreshed]).toEqual(['connecting', true])
    driver.apply({ type: 'refined', diagnosis: diagnosisOf(unauthorized, 'connect') })
    expect([driver.status, driver.live]).toEqual(['closed', []])
  })

  it.each([1008, 4401, 4403])('are also signalled by the close code %i', (code) => {
    const driver = new Driver({ names: ['websocket'] }).connect().opened('websocket').failed('websocket', closed(code))
    expect(driver.state).toMatchObject({ status: 'closed', code })
  })

  it('204 ends the client, also if there is prepare()', () => {
    const driver = new Driver({ names: ['sse'], prepares: true }).connect().failed('sse', answered(204))
    expect(driver.state).toMatchObject({ status: 'closed', code: 4204 })
  })

  it('204 on an event stream ends the client only if the stream has been open, where long-poll is possible', () => {
    const driver = new Driver({ names: ['sse', 'long-poll'] }).connect()
    expect(driver.failed('sse', answered(204)).live).toEqual(['long-poll'])
    expect(driver.opened('long-poll').status).toBe('open')
    const other = new Driver({ names: ['sse', 'long-poll'] }).connect().opened('sse').heard().pass(6000)
    other.failed('sse', findings.ended).wait()
    expect(other.failed('sse', answered(204)).state).toMatchObject({ status: 'closed', code: 4204 })
  })
})

describe('giving up', () => {
  /** One round in which the WebSocket is refused and the other transports are answered with this status. */
  function round(driver: Driver, status: number): void {
    driver.failed('websocket', refused)
    for (const name of ['sse', 'long-poll', 'poll'] as const)
      if (driver.live.includes(name)) driver.failed(name, answered(status))
    driver.wait()
  }

  it('never happens if no transport is offered: after three minutes there is a round about once a minute', () => {
    const driver = new Driver().connect()
    const pauses: number[] = []
    for (let since = 0; driver.now < 20 * 60_000; since = driver.now) {
      round(driver, 404)
      pauses.push(driver.now - since)
    }
    const slow = pauses.findIndex((pause) => pause > 30_000)
    expect(pauses.slice(0, slow).reduce((sum, pause) => sum + pause)).toBeGreaterThanOrEqual(3 * 60_000)
    expect(new Set(pauses.slice(slow))).toEqual(new Set([56_250]))
    expect(driver.status).toBe('connecting')
    expect(driver.opened('websocket').received().failed('websocket', closed(1006)).deadline - driver.now).toBe(500)
  })

  it('never happens to a single transport: each of those rounds dials all of them again', () => {
    const driver = new Driver().connect()
    while (driver.now < 20 * 60_000) round(driver, 404)
    driver.lines()
    round(driver, 404)
    expect(
      driver
        .lines()
        .filter((line) => line.includes('dial'))
        .map((line) => line.split(' ').at(-1)),
    ).toEqual(['sse', 'long-poll', 'poll', 'websocket'])
  })

  it.each([200, 401, 403, 404])('never happens if all transports are answered with %i and HTML', (status) => {
    const driver = new Driver({ prepares: status === 403 }).connect()
    while (driver.now < 30 * 60_000) {
      driver.failed('websocket', refused)
      for (const name of ['sse', 'long-poll', 'poll'] as const)
        if (driver.live.includes(name)) driver.failed(name, answered(status, 'text/html'))
      driver.wait()
    }
    expect(driver.status).toBe('connecting')
  })

  it('never happens after a 401 with HTML, which only makes prepare() refresh the credentials', () => {
    const driver = new Driver({ names: ['sse'], prepares: true }).connect().failed('sse', answered(401, 'text/html'))
    expect([driver.status, driver.state.isRefreshed]).toEqual(['waiting', true])
    driver.wait().failed('sse', answered(401, 'text/html'))
    expect(driver.status).toBe('waiting')
  })

  it('happens if the retry function returns null', () => {
    const driver = new Driver({ retry: ({ attempt }) => (attempt > 2 ? null : 0) }).connect()
    for (let rounds = 0; rounds < 3; rounds += 1) round(driver, 404)
    expect(driver.status).toBe('closed')
  })

  it.each([
    ['every transport is answered with an error', 500],
    ['every transport is answered that the server is busy', 503],
  ])('never happens if %s', (_, status) => {
    const driver = new Driver().connect()
    for (let rounds = 0; rounds < 20; rounds += 1) round(driver, status)
    expect(driver.status).toBe('connecting')
  })

  it('never happens if a server that only offers WebSocket is restarted ten times', () => {
    const driver = new Driver({ names: ['websocket', 'sse', 'poll'] }).connect()
    for (let restarts = 0; restarts < 10; restarts += 1) {
      driver.opened('websocket').received().pass(60_000).failed('websocket', closed(1001))
      for (let rounds = 0; rounds < 4; rounds += 1) {
        driver.wait().failed('websocket', refused)
        if (driver.status === 'connecting') driver.failed('sse', answered(404)).failed('poll', answered(426))
      }
      driver.wait()
      expect(driver.live).toContain('websocket')
    }
    expect(driver.opened('websocket').status).toBe('open')
  })

  it('never happens after a failed first connect, which is retried like any other', () => {
    const driver = new Driver({ names: ['websocket'] }).connect()
    for (let rounds = 0; rounds < 20; rounds += 1) driver.failed('websocket', refused).wait()
    expect(driver.status).toBe('connecting')
  })

  it('never happens in a browser that supports none of the transports', () => {
    const driver = new Driver({ names: ['websocket'] }).connect()
    for (let rounds = 0; rounds < 5; rounds += 1) driver.failed('websocket', unsupported).wait()
    expect(driver.status).toBe('connecting')
  })
})

describe('the wait', () => {
  it('is never shorter than Retry-After', () => {
    const driver = new Driver({ names: ['sse'] }).connect()
    driver.failed('sse', unavailable, { retryAfterMs: 20_000 })
    expect(driver.deadline).toBe(20_000)
  })

  it('is not shortened by Retry-After', () => {
    const driver = new Driver({ names: ['sse'] }).connect().failed('sse', unavailable, { retryAfterMs: 20 })
    expect(driver.deadline).toBe(500)
  })

  it.each(['online', 'resume'] as const)('is never shorter than Retry-After, also when the page signals "%s"', (signal) => {
    const driver = new Driver({ names: ['sse'] }).connect().failed('sse', unavailable, { retryAfterMs: 20_000 })
    expect(driver.signal(signal).deadline).toBe(20_000)
  })

  it('is never shorter than Retry-After, also if another transport ended the round', () => {
    const driver = new Driver({ names: ['websocket', 'sse'] }).connect().pass(500)
    driver.failed('sse', unavailable, { retryAfterMs: 60_000 }).failed('websocket', refused)
    expect(driver.deadline).toBeGreaterThanOrEqual(60_000)
  })

  it('is decided by the retry function, which receives attempt and outageMs', () => {
    const contexts: unknown[] = []
    const retry = (context: { readonly attempt: number; readonly outageMs: number }) => {
      contexts.push([context.attempt, context.outageMs])
      return context.attempt < 3 ? 700 : null
    }
    const driver = new Driver({ names: ['poll'], retry }).connect().failed('poll', refused).pass(700).failed('poll', refused)
    driver.pass(700).failed('poll', refused)
    expect(contexts).toEqual([
      [1, 0],
      [2, 700],
      [3, 1400],
    ])
    expect(driver.status).toBe('closed')
  })

  it('does not exist if the retry function returns null: the first loss is final', () => {
    const driver = new Driver({ names: ['websocket'], retry: () => null }).connect().opened('websocket')
    driver.lines()
    expect(driver.failed('websocket', closed(1001)).lines()).toEqual([
      '0 hang-up websocket',
      '0 error close.1001',
      '0 close 1001, final',
      '0 state closed',
    ])
  })

  it('is not needed for a fallback, which happens also if there is no retry', () => {
    const driver = new Driver({ retry: () => null }).connect().failed('websocket', refused)
    expect(driver.live).toEqual(['sse'])
  })

  it.each([1000, 1001, 1005, 1011, 1012, 4000])('follows when the server closes with %i', (code) => {
    const driver = new Driver({ names: ['websocket'] }).connect().opened('websocket').failed('websocket', closed(code))
    expect(driver.status).toBe('waiting')
  })
})

describe('judge() overrules', () => {
  it('a stop, and the client retries or falls back', () => {
    expect(new Driver({ names: ['sse'] }).connect().failed('sse', unauthorized, { verdict: 'retry' }).status).toBe('waiting')
    expect(new Driver().connect().failed('websocket', unauthorized, { verdict: 'fallback' }).live).toEqual(['sse'])
  })

  it('a retry, and the client stops', () => {
    const driver = new Driver({ names: ['websocket'] }).connect().opened('websocket')
    expect(driver.failed('websocket', closed(1000), { verdict: 'stop' }).state).toMatchObject({ status: 'closed', code: 1000 })
  })

  it('a fallback, and no other transport is dialled', () => {
    expect(new Driver().connect().failed('websocket', refused, { verdict: 'retry' }).status).toBe('waiting')
    expect(new Driver({ prepares: true }).connect().failed('websocket', refused, { verdict: 'stop' }).status).toBe('closed')
  })
})
