import { describe, expect, it } from 'vitest'
import { Driver, type DriverOptions, findings } from '../support/machine-driver.ts'

const { refused, answered, cut, unsupported } = findings
type Name = 'websocket' | 'sse' | 'long-poll' | 'poll'

/** A driver that has just lost a proven connection. */
function lost(options: DriverOptions = {}, name: Name = 'websocket'): Driver {
  const driver = new Driver(options).connect()
  if (name === 'sse') driver.failed('websocket', refused)
  driver
    .opened(name)
    .received()
    .pass(20_000)
    .failed(name, name === 'websocket' ? findings.closed(1006) : cut)
  driver.lines()
  return driver
}

/** Fails every attempt until the next wait; returns the names of the transports. */
function round(driver: Driver): string[] {
  driver.wait()
  const dialled: string[] = []
  while (driver.live.length) {
    const name = driver.live[0] as Name
    dialled.push(name)
    driver.failed(name, name === 'websocket' ? refused : cut)
  }
  return dialled
}

const rounds = (driver: Driver, times: number) => Array.from({ length: times }, () => round(driver).join(' '))

const all = 'sse long-poll poll'

describe('an outage in which nothing answers', () => {
  it.each([
    [0, ['', '', 'sse', '', '', all, '', '', all]],
    [0.99, ['', '', '', 'sse', '', '', all, '', '']],
  ])(
    'leads to dials of the proven transport, in every third round also of another one, later of all (random %d)',
    (random, others) => {
      expect(rounds(lost({ random }), 9)).toEqual(others.map((other) => `websocket ${other}`.trim()))
    },
  )

  it('leads to dials of the next transport below the proven one in the third round', () => {
    expect(rounds(lost({ random: 0 }, 'sse'), 3)).toEqual(['sse', 'sse', 'sse long-poll'])
  })

  it('leads to dials of a better transport as well, if it has rested', () => {
    const driver = new Driver({ random: 0 }).connect().failed('websocket', refused).opened('sse').received()
    driver.pass(40_000).failed('sse', cut)
    expect(rounds(driver, 3)).toEqual(['websocket sse', 'websocket sse', 'websocket sse long-poll'])
  })

  it('leads to dials of all transports after a minute, since the network of this client may be the cause', () => {
    const driver = lost()
    const from = driver.now
    const dialled: [number, string][] = []
    while (driver.now < from + 120_000) dialled.push([driver.wait().now - from, round(driver).join(' ')])
    const late = dialled.filter(([at]) => at > 60_000)
    expect(late.length).toBeGreaterThan(1)
    expect(late.every(([, names]) => names === 'websocket sse long-poll poll')).toBe(true)
    expect(dialled.filter(([at, names]) => at < 60_000 && names !== 'websocket').length).toBeLessThan(dialled.length / 2)
  })

  it('leads to dials of a transport of another origin in every round, after the better ones', () => {
    const traits = { 'long-poll': { origin: () => 'https://other.example' } }
    expect(rounds(lost({ random: 0, traits }), 3)).toEqual(Array(3).fill('websocket sse long-poll'))
  })

  it('leads to no dials of a transport that the server does not offer', () => {
    const driver = new Driver({ random: 0 }).connect().pass(500).failed('sse', answered(404)).opened('websocket').received()
    driver.pass(20_000).failed('websocket', findings.closed(1006))
    expect(rounds(driver, 3)).toEqual(['websocket', 'websocket', 'websocket long-poll'])
  })

  it('leads to the same dials if it is the second one', () => {
    const driver = lost({ random: 0 })
    expect(rounds(driver, 2)).toEqual(['websocket', 'websocket'])
    driver.wait().opened('websocket').received().pass(20_000).failed('websocket', findings.closed(1006))
    expect(rounds(driver, 3)).toEqual(['websocket', 'websocket', 'websocket sse'])
  })
})

describe('in an outage all transports are tried', () => {
  const whole = 'websocket sse long-poll poll'

  it.each([['online'], ['resume']] as const)('when the page signals %s, since it may be in another network', (signal) => {
    const driver = lost()
    round(driver)
    expect(rounds(driver.signal(signal), 1)).toEqual([whole])
  })

  it('when the computer has slept', () => {
    const driver = lost()
    round(driver)
    driver.sleep(60_000)
    expect(rounds(driver, 1)).toEqual([whole])
  })

  it('when the application calls connect()', () => {
    const driver = lost()
    round(driver)
    expect(rounds(driver.connect(), 1)).toEqual([whole])
  })

  it.each([
    ['an answer that concerns this transport only', answered(403)],
    ['an HTML page', answered(200, 'text/html')],
    ['a missing feature of the browser', unsupported],
  ])('in the same round if the proven transport fails with %s', (_, finding) => {
    const driver = lost({}, 'sse').wait()
    driver.lines()
    driver.failed('sse', finding, { verdict: 'fallback' })
    expect(driver.live).toEqual(['long-poll'])
    expect(driver.failed('long-poll', cut).live).toEqual(['poll'])
  })

  it.each([
    ['the attempt of the first retry takes longer than connectTimeoutMs', 10_000, ['sse']],
    ['an attempt after the first retry is not answered soon', 0, ['websocket', 'sse']],
  ])('when %s', (_, patience, live) => {
    const driver = lost().wait()
    if (!patience) driver.failed('websocket', refused).wait().pass(500)
    expect(driver.pass(patience).live).toEqual(live)
    driver.opened('sse')
    expect(driver.status).toBe('open')
  })

  it('when the other transport is answered by the server', () => {
    const driver = lost({ random: 0 })
    rounds(driver, 2)
    driver.wait().failed('websocket', refused).failed('sse', answered(404))
    expect(driver.live).toEqual(['long-poll'])
    driver.failed('long-poll', answered(404)).opened('poll')
    expect(driver.status).toBe('open')
  })

  it.each([500, 502, 503, 504, 520, 522])('not when the other transport is answered with %i', (status) => {
    const driver = lost({ random: 0 })
    rounds(driver, 2)
    driver.wait().failed('websocket', refused).failed('sse', answered(status))
    expect(driver.status).toBe('waiting')
    expect(rounds(driver, 2)).toEqual(['websocket', 'websocket'])
  })
})

it('a client that has moved to a network that blocks WebSockets reconnects by the fourth round', () => {
  for (const random of [0, 0.5, 0.99]) {
    const driver = lost({ random })
    const from = driver.now
    for (let tries = 0; driver.status !== 'open'; tries += 1) {
      expect(tries).toBeLessThan(4)
      driver.wait().failed('websocket', refused)
      if (driver.live.includes('sse')) driver.opened('sse').received()
    }
    expect(driver.now - from).toBeLessThan(13_000)
  }
})

it('a first connect falls back at once, however often it has failed', () => {
  const driver = new Driver().connect()
  expect(rounds(driver, 3)).toEqual(Array(3).fill('websocket sse long-poll poll'))
  driver.wait().failed('websocket', refused).opened('sse')
  expect(driver.status).toBe('open')
})
