import { describe, expect, it } from 'vitest'
import { Driver, type DriverOptions, findings } from '../support/machine-driver.ts'

const { refused, answered, unsupported } = findings

/** The time at which the second transport is dialled. */
function raceAt(options: DriverOptions): number {
  const driver = new Driver(options).connect()
  return driver.deadline
}

describe('the race', () => {
  it.each<[string, DriverOptions, number]>([
    ['500 ms while the round trip is unknown', {}, 500],
    ['five round trips and 100 ms', { roundTripMs: 40 }, 300],
    ['at least 200 ms', { roundTripMs: 1 }, 200],
    ['at least 200 ms, also for a round trip of 0', { roundTripMs: 0 }, 200],
    ['at most 3 s', { roundTripMs: 2000 }, 3000],
    ['raceAfterMs', { raceAfterMs: 50, roundTripMs: 2000 }, 50],
    ['raceAfterMs, also if it is 0', { raceAfterMs: 0 }, 0],
    ['connectTimeoutMs if it is the only transport', { names: ['websocket'] }, 10_000],
  ])('gives a transport a head start of %s', (_, options, at) => {
    expect(raceAt(options)).toBe(at)
  })

  it('dials all transports one after another, without giving up the earlier ones', () => {
    expect(new Driver().connect().pass(9999).lines()).toEqual([
      '0 dial websocket',
      '0 state connecting',
      '500 dial sse',
      '500 state connecting',
      '1000 dial long-poll',
      '1000 state connecting',
      '1500 dial poll',
      '1500 state connecting',
    ])
  })

  it('uses the round trip time of the last connection', () => {
    const driver = new Driver({ random: 0 })
      .connect()
      .opened('websocket', 20)
      .received()
      .failed('websocket', findings.closed(1006))
    driver.pass(0).failed('websocket', refused)
    driver.pass(1000).lines()
    expect(driver.pass(200).lines()).toEqual(['1200 dial sse', '1200 state connecting'])
  })

  it('is won by a transport that opens, and attempts on worse ones are hung up', () => {
    const driver = new Driver().connect().pass(1200)
    driver.lines()
    expect(driver.opened('websocket').lines()).toEqual([
      '1200 hang-up sse',
      '1200 hang-up long-poll',
      '1200 activate websocket',
      '1200 open',
      '1200 state open',
    ])
  })

  it('and the timeout of an attempt start when prepare() has settled', () => {
    const driver = new Driver({ prepares: true }).connect()
    expect(driver.deadline).toBe(10_000)
    driver.pass(3000).prepared('websocket')
    expect(driver.deadline).toBe(3500)
    driver.pass(500)
    expect(driver.live).toEqual(['websocket', 'sse'])
    driver.pass(2000).prepared('sse')
    expect(driver.deadline).toBe(6000)
    expect(driver.pass(7499).live).toContain('websocket')
    expect(driver.pass(1).live).not.toContain('websocket')
  })

  it('is not delayed by an earlier attempt that is prepared late', () => {
    const driver = new Driver({ prepares: true }).connect().prepared('websocket').pass(500).prepared('sse')
    expect(driver.deadline).toBe(1000)
    driver.pass(100).prepared('websocket')
    expect(driver.deadline).toBe(1000)
  })
})

describe('taking over from a worse transport', () => {
  function raced(options: DriverOptions = {}): Driver {
    const driver = new Driver(options).connect().pass(600).opened('sse')
    driver.lines()
    return driver
  }

  it('is possible for a better transport that opens within 2 s', () => {
    expect(raced().pass(1999).opened('websocket').lines()).toEqual([
      '2599 hang-up sse',
      '2599 activate websocket',
      '2599 transport sse to websocket',
      '2599 state open',
    ])
  })

  it('is no longer awaited after 2 s: the better transport is hung up', () => {
    const driver = raced().pass(2000)
    expect(driver.lines()).toEqual(['2600 hang-up websocket', '2600 error net.timeout'])
    expect(driver.live).toEqual(['sse'])
  })

  it.each<[string, (driver: Driver) => Driver]>([
    ['in', (driver) => driver.received()],
    ['out', (driver) => driver.sent()],
  ])('does not happen after a message has passed %s, since messages in between would be lost', (_, pass) => {
    const driver = pass(raced())
    driver.lines()
    expect(driver.opened('websocket').lines()).toEqual(['600 hang-up websocket'])
    expect(driver.live).toEqual(['sse'])
  })

  it('does not happen after a message, but the better transport is preferred at the next reconnect', () => {
    const driver = raced().received().opened('websocket').failed('sse', findings.ended)
    driver.lines()
    expect(driver.pass(500).lines()[0]).toBe('1100 dial websocket')
  })

  it.each([
    ['happens after a message if both understand the cursor', true, true, ['sse', 'websocket']],
    ['does not happen if the better transport does not understand the cursor', true, false, ['sse']],
    ['does not happen after a message while there is no cursor', false, true, ['sse']],
  ] as const)('%s', (_, hasCursor, resumes, [before, after = before]) => {
    const driver = raced({ traits: { websocket: { resumes } } }).received()
    driver.hasCursor = hasCursor
    expect(driver.live).toEqual([before, 'websocket'])
    expect(driver.opened('websocket').live).toEqual([after])
  })

  it('is still awaited when the worse transport is lost', () => {
    const driver = raced().failed('sse', findings.cut)
    expect(driver.lines()).toEqual([
      '600 hang-up sse',
      '600 error net.unreachable',
      '600 close 1006, again in 0',
      '600 state connecting',
    ])
    expect(driver.opened('websocket').lines()).toEqual(['600 activate websocket', '600 open', '600 state open'])
  })

  it('does not happen if the better transport fails, which is reported and does not affect the worse one', () => {
    expect(raced().failed('websocket', refused).lines()).toEqual(['600 hang-up websocket', '600 error net.unreachable'])
  })
})

describe('falling back', () => {
  it('dials the next transport at once if the failure may concern this transport only', () => {
    const driver = new Driver().connect().pass(100)
    driver.lines()
    expect(driver.failed('websocket', refused).lines()).toEqual([
      '100 hang-up websocket',
      '100 dial sse',
      '100 error net.unreachable',
      '100 state connecting',
    ])
  })

  it('does not affect attempts in progress', () => {
    const driver = new Driver().connect().pass(500)
    expect(driver.failed('websocket', refused).live).toEqual(['sse', 'long-poll'])
    expect(driver.failed('sse', refused).failed('long-poll', refused).live).toEqual(['poll'])
  })

  it('ends in a wait when the last transport has failed', () => {
    const driver = new Driver({ names: ['websocket', 'sse'] }).connect().failed('websocket', refused)
    driver.lines()
    expect(driver.failed('sse', refused).lines()).toEqual([
      '0 hang-up sse',
      '0 error net.unreachable, again in 500',
      '0 state waiting',
    ])
    expect(driver.pass(500).lines()).toEqual(['500 dial websocket', '500 state connecting'])
  })

  it.each([408, 410, 425, 429, 502, 503, 504])('does not happen for %i, which all other transports would get', (status) => {
    const driver = new Driver().connect().failed('websocket', refused)
    driver.lines()
    expect(driver.failed('sse', answered(status)).lines()).toEqual([
      '0 hang-up sse',
      `0 error http.${status}, again in 500`,
      '0 state waiting',
    ])
  })

  it('does not happen if the failure concerns the whole server, but attempts in progress go on', () => {
    const driver = new Driver().connect().pass(500).failed('sse', answered(503))
    expect(driver.live).toEqual(['websocket'])
    expect(driver.pass(5000).live).toEqual(['websocket'])
    expect(driver.opened('websocket').status).toBe('open')
  })

  it('happens when an attempt has taken longer than connectTimeoutMs', () => {
    const driver = new Driver({ raceAfterMs: 20_000, connectTimeoutMs: 1000 }).connect()
    driver.lines()
    expect(driver.pass(1000).lines()).toEqual([
      '1000 hang-up websocket',
      '1000 dial sse',
      '1000 error net.timeout',
      '1000 state connecting',
    ])
  })

  it('attempts that time out at the same instant are all given up, in order', () => {
    const driver = new Driver({ names: ['websocket', 'sse'], raceAfterMs: 0, connectTimeoutMs: 1000 }).connect().pass(0)
    driver.lines()
    expect(driver.pass(1000).lines()).toEqual([
      '1000 hang-up websocket',
      '1000 hang-up sse',
      '1000 error net.timeout',
      '1000 error net.timeout, again in 500',
      '1000 state waiting',
    ])
  })

  it('skips a transport that the browser does not support in the next round', () => {
    const driver = new Driver({ names: ['websocket', 'sse'] }).connect().failed('websocket', unsupported).failed('sse', refused)
    driver.lines()
    expect(driver.pass(500).lines()).toEqual(['500 dial sse', '500 state connecting'])
  })

  it.each([404, 405, 406, 426, 501])('skips a transport that is answered with %i in the next round', (status) => {
    const driver = new Driver({ names: ['sse', 'poll'] }).connect().failed('sse', answered(status)).failed('poll', refused)
    expect(driver.pass(500).live).toEqual(['poll'])
  })

  it.each([200, 404, 405, 501])(
    'does not skip a transport that is answered with %i and HTML, which may be from a portal or a deploy',
    (status) => {
      const driver = new Driver({ names: ['sse', 'poll'] })
        .connect()
        .failed('sse', answered(status, 'text/html; charset=utf-8'))
        .opened('poll')
        .received()
      expect(driver.pass(60_000).failed('poll', refused).wait().live).toEqual(['sse'])
    },
  )
})
