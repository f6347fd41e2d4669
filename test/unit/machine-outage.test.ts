import { describe, expect, it } from 'vitest'
import { Driver, type DriverOptions, findings } from '../support/machine-driver.ts'

const { refused, answered, cut, unsupported } = findings
type Name = 'websocket' | 'sse' | 'long-poll' | 'poll'

/** A proven connection is lost. */
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

/** Fails everything that is dialled until the next wait; returns what that was. */
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
    'is asked about by the proven transport alone, and in every third round by another one, then by all (random %d)',
    (random, others) => {
      expect(rounds(lost({ random }), 9)).toEqual(others.map((other) => `websocket ${other}`.trim()))
    },
  )

  it('which is the next one down from what was proven', () => {
    expect(rounds(lost({ random: 0 }, 'sse'), 3)).toEqual(['sse', 'sse', 'sse long-poll'])
  })

  it('a better one that has rested is tried as well', () => {
    const driver = new Driver({ random: 0 }).connect().failed('websocket', refused).opened('sse').received()
    driver.pass(40_000).failed('sse', cut)
    expect(rounds(driver, 3)).toEqual(['websocket sse', 'websocket sse', 'websocket sse long-poll'])
  })

  it('all transports ask after a minute, when it may be the network of this client', () => {
    const driver = lost()
    const from = driver.now
    const dialled: [number, string][] = []
    while (driver.now < from + 120_000) dialled.push([driver.wait().now - from, round(driver).join(' ')])
    const late = dialled.filter(([at]) => at > 60_000)
    expect(late.length).toBeGreaterThan(1)
    expect(late.every(([, names]) => names === 'websocket sse long-poll poll')).toBe(true)
    expect(dialled.filter(([at, names]) => at < 60_000 && names !== 'websocket').length).toBeLessThan(dialled.length / 2)
  })

  it('a transport of another origin is dialled all the same, behind the better ones', () => {
    const traits = { 'long-poll': { origin: 'https://other.example' } }
    expect(rounds(lost({ random: 0, traits }), 3)).toEqual(Array(3).fill('websocket sse long-poll'))
  })

  it('a transport that is out of the question is left out here as well', () => {
    const driver = new Driver({ random: 0 }).connect().pass(500).failed('sse', answered(404)).opened('websocket').received()
    driver.pass(20_000).failed('websocket', findings.closed(1006))
    expect(rounds(driver, 3)).toEqual(['websocket', 'websocket', 'websocket long-poll'])
  })

  it('the next outage begins like the first', () => {
    const driver = lost({ random: 0 })
    expect(rounds(driver, 2)).toEqual(['websocket', 'websocket'])
    driver.wait().opened('websocket').received().pass(20_000).failed('websocket', findings.closed(1006))
    expect(rounds(driver, 3)).toEqual(['websocket', 'websocket', 'websocket sse'])
  })
})

describe('in an outage all transports are tried', () => {
  const whole = 'websocket sse long-poll poll'

  it.each([['online'], ['resume']] as const)('when the page says %s: it may be in another network', (signal) => {
    const driver = lost()
    round(driver)
    expect(rounds(driver.signal(signal), 1)).toEqual([whole])
  })

  it('when the machine has slept', () => {
    const driver = lost()
    round(driver)
    driver.sleep(60_000)
    expect(rounds(driver, 1)).toEqual([whole])
  })

  it('when the application says connect()', () => {
    const driver = lost()
    round(driver)
    expect(rounds(driver.connect(), 1)).toEqual([whole])
  })

  it.each([
    ['an answer that is none of the whole server', answered(403)],
    ['a page', answered(200, 'text/html')],
    ['what the page may not do', unsupported],
  ])('in the same round when the proven one meets %s', (_, finding) => {
    const driver = lost({}, 'sse').wait()
    driver.lines()
    driver.failed('sse', finding, { verdict: 'fallback' })
    expect(driver.live).toEqual(['long-poll'])
    expect(driver.failed('long-poll', cut).live).toEqual(['poll'])
  })

  it.each([
    ['nothing comes for as long as a connection may take', 10_000, ['sse']],
    ['that goes on after the first retry, soon', 0, ['websocket', 'sse']],
  ])('when %s', (_, patience, live) => {
    const driver = lost().wait()
    if (!patience) driver.failed('websocket', refused).wait().pass(500)
    expect(driver.pass(patience).live).toEqual(live)
    driver.opened('sse')
    expect(driver.status).toBe('open')
  })

  it('when the other one answers that something is there', () => {
    const driver = lost({ random: 0 })
    rounds(driver, 2)
    driver.wait().failed('websocket', refused).failed('sse', answered(404))
    expect(driver.live).toEqual(['long-poll'])
    driver.failed('long-poll', answered(404)).opened('poll')
    expect(driver.status).toBe('open')
  })

  it.each([500, 502, 503, 504, 520, 522])('not when what is in front says %i', (status) => {
    const driver = lost({ random: 0 })
    rounds(driver, 2)
    driver.wait().failed('websocket', refused).failed('sse', answered(status))
    expect(driver.status).toBe('waiting')
    expect(rounds(driver, 2)).toEqual(['websocket', 'websocket'])
  })
})

it('a client that has moved to where WebSockets are blocked is back in the third or fourth round', () => {
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
