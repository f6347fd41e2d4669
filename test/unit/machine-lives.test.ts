import { describe, expect, it } from 'vitest'
import { Driver, findings } from '../support/machine-driver.ts'

const { refused, answered, closed, cut, ended } = findings
const minute = 60_000
const isProven = ({ state }: Driver) => state.status === 'open' && state.link.isProven

describe('proving a transport', () => {
  it.each(['websocket', 'sse', 'long-poll', 'poll'] as const)('a received message proves %s at once', (name) => {
    const driver = new Driver({ names: [name] }).connect().opened(name)
    driver.lines()
    expect(driver.received().lines()).toEqual(['0 state open, proven'])
    expect(driver.state).toMatchObject({ ranking: { preferred: 0 } })
  })

  it('a sent message proves nothing', () => {
    expect(isProven(new Driver().connect().opened('websocket').sent())).toBe(false)
  })

  it('five seconds of being open prove a WebSocket', () => {
    const driver = new Driver().connect().opened('websocket').pass(4999)
    expect(isProven(driver)).toBe(false)
    expect(isProven(driver.pass(1))).toBe(true)
  })

  it('provingMs replaces the five seconds', () => {
    expect(isProven(new Driver({ provingMs: 100 }).connect().opened('websocket').pass(100))).toBe(true)
  })

  it('an event stream is proven only if something was received, since a proxy may buffer the body', () => {
    const driver = new Driver({ names: ['sse'] }).connect().opened('sse').pass(minute)
    expect(isProven(driver)).toBe(false)
    expect(isProven(driver.heard())).toBe(true)
  })

  it('an event stream is proven after five seconds if something was received before', () => {
    const driver = new Driver({ names: ['sse'] }).connect().opened('sse').pass(10).heard()
    expect(isProven(driver.pass(4989))).toBe(false)
    expect(isProven(driver.pass(1))).toBe(true)
  })

  it('an event stream is proven also if something was received in the millisecond in which it opened', () => {
    const driver = new Driver({ names: ['sse'] }).connect().opened('sse').heard().pass(minute)
    expect(isProven(driver)).toBe(true)
  })

  it.each(['long-poll', 'poll'] as const)('any answer proves %s', (name) => {
    expect(isProven(new Driver({ names: [name] }).connect().opened(name).heard())).toBe(true)
  })

  it('a long-poll that is held is not proven before its answer', () => {
    expect(isProven(new Driver({ names: ['long-poll'] }).connect().opened('long-poll').pass(19_000))).toBe(false)
  })
})

describe('after a loss', () => {
  it('the proven transport is retried first and alone; at the next retry the others join the race', () => {
    const driver = new Driver({ raceAfterMs: 100 }).connect().opened('websocket').received().failed('websocket', closed(1006))
    driver.pass(500)
    expect(driver.pass(5000).live).toEqual(['websocket'])
    driver.failed('websocket', refused).pass(1500)
    expect(driver.pass(300).live).toEqual(['websocket', 'sse', 'long-poll', 'poll'])
  })

  it('a failed first retry of the proven transport leads to a wait, not to a fallback', () => {
    const driver = new Driver().connect().opened('websocket').received()
    driver.failed('websocket', closed(1012)).pass(500)
    expect(driver.failed('websocket', refused).status).toBe('waiting')
  })

  it('the preferred transport is forgotten when all transports have failed', () => {
    const driver = new Driver({ names: ['websocket', 'sse'] }).connect().opened('websocket').received()
    driver.failed('websocket', closed(1006)).pass(500).failed('websocket', refused)
    expect(driver.state.ranking.preferred).toBe(0)
    driver.signal('online').wait().failed('websocket', refused).failed('sse', refused)
    expect(driver.state.ranking.preferred).toBeNull()
  })

  const waits = (driver: Driver, life: (driver: Driver) => Driver, times: number) =>
    Array.from({ length: times }, () => {
      life(driver.opened('websocket'))
      const wait = driver.deadline - driver.now
      driver.pass(wait)
      return wait
    })

  it.each<[string, (driver: Driver) => Driver, number[]]>([
    ['forgotten after five seconds of life', (d) => d.pass(5000).failed('websocket', closed(1001)), [500, 500, 500, 500]],
    [
      'forgotten if a message was received before the cut',
      (d) => d.received().failed('websocket', closed(1006)),
      [500, 500, 500, 500],
    ],
    ['kept if it only opened', (d) => d.failed('websocket', closed(1006)), [500, 1500, 3000, 3750]],
    [
      'kept if the server sends a message and then closes the connection',
      (d) => d.received().pass(100).failed('websocket', closed(1001)),
      [500, 1500, 3000, 3750],
    ],
  ])('earlier failures are %s', (_, life, expected) => {
    expect(waits(new Driver({ names: ['websocket'] }).connect(), life, 4)).toEqual(expected)
  })

  it('earlier failures are forgotten six times for connections cut soon after a message, and again after a long one', () => {
    const driver = new Driver({ names: ['websocket'] }).connect()
    const cutSoon = (d: Driver) => d.received().pass(100).failed('websocket', closed(1006))
    const forgiven = Array.from({ length: 6 }, () => 500)
    expect(waits(driver, cutSoon, 9)).toEqual([...forgiven, 1500, 3000, 3750])
    expect(waits(driver, (d) => d.received().pass(5000).failed('websocket', closed(1006)), 1)).toEqual([500])
    expect(waits(driver, cutSoon, 7)).toEqual([...forgiven, 1500])
  })

  it('the age of an outage counts from its first loss, so that the waits grow after a minute', () => {
    const driver = new Driver({ names: ['websocket'] }).connect()
    const found: number[] = []
    while (driver.now < 3 * minute) {
      driver.failed('websocket', refused)
      found.push(driver.deadline - driver.now)
      driver.pass(driver.deadline - driver.now)
    }
    expect(Math.max(...found.slice(0, 10))).toBe(3750)
    expect(found.at(-1)).toBe(22_500)
  })
})

describe('short-lived connections', () => {
  /** WebSocket opens and is cut after 150 ms. */
  const killed = (driver: Driver) => driver.opened('websocket').pass(150).failed('websocket', closed(1006))

  it('make the client dial the next transport at once after two of them', () => {
    const driver = killed(new Driver().connect()).pass(500)
    driver.lines()
    expect(killed(driver).lines()).toEqual([
      '650 activate websocket',
      '650 open',
      '650 state open',
      '800 hang-up websocket',
      '800 dial sse',
      '800 error conn.dropped',
      '800 close 1006, again in 0',
      '800 state connecting',
    ])
  })

  it.each([
    ['7 s each and never delivered anything', 7000, false, 'sse'],
    ['7 s each and delivered something', 7000, true, 'websocket'],
    ['50 s each, since a plain WebSocket may be quiet', 50_000, false, 'websocket'],
  ])('are those of WebSockets that lived %s', (_, livedMs, isHeard, next) => {
    const lived = (driver: Driver) => {
      driver.opened('websocket')
      if (isHeard) driver.received()
      return driver.pass(livedMs).failed('websocket', closed(1006))
    }
    const driver = lived(lived(new Driver({ names: ['websocket', 'sse'] }).connect()).pass(5000))
    expect(driver.pass(5000).live).toEqual([next])
  })

  it('do not demote their transport while no lower one is proven: it is only tried last', () => {
    const driver = killed(killed(new Driver({ names: ['websocket', 'sse'] }).connect()).pass(500)).failed('sse', refused)
    expect(driver.live).toEqual(['websocket'])
  })

  it('demote their transport for five minutes once a lower one is proven', () => {
    const driver = killed(killed(new Driver().connect()).pass(500)).opened('sse').received()
    const from = driver.now
    driver.pass(5 * minute - 1000).failed('sse', ended)
    expect(driver.pass(500).live).toEqual(['sse'])
    driver.opened('sse').received().pass(minute).failed('sse', ended)
    expect(driver.now - from).toBeGreaterThan(5 * minute)
    expect(driver.pass(500).live).toEqual(['websocket'])
  })

  it.each([1000, 1001, 1012, 1013, 4000, 4429])(
    'include those that the server closes with %i soon after opening, but the client waits before it dials',
    (code) => {
      const driver = new Driver().connect()
      for (const next of ['websocket', 'sse']) {
        driver.opened('websocket').pass(150).failed('websocket', closed(code))
        expect(driver.status).toBe('waiting')
        expect(driver.wait().live).toEqual([next])
      }
      expect(driver.opened('sse').received().pass(minute).failed('sse', ended).wait().live).toEqual(['sse'])
    },
  )

  it('closed by the server do not exclude its WebSocket if the other transports are refused as well', () => {
    const driver = new Driver({ names: ['websocket', 'sse'] }).connect()
    for (let times = 0; times < 4; times += 1) {
      if (driver.live[0] === 'sse') driver.failed('sse', answered(503)).wait()
      while (driver.live[0] !== 'websocket') driver.failed('sse', answered(404))
      driver.opened('websocket').pass(150).failed('websocket', closed(1013)).wait()
    }
    driver.pass(0)
    while (driver.live[0] !== 'websocket') driver.failed('sse', answered(404))
    expect(driver.opened('websocket').received().pass(minute).status).toBe('open')
  })

  it.each([
    ['answered with 429', answered(429)],
    ['answered with 502', answered(502)],
    ['answered with 503', answered(503)],
    ['closed with 4503 in a session', { ...closed(4503), isSession: true }],
  ])('closed by the server do not count against its WebSocket if the other transports are %s', (_, report) => {
    const driver = new Driver().connect()
    for (const _ of [1, 2, 3]) {
      for (const _ of [1, 2]) driver.opened('websocket').pass(150).failed('websocket', closed(1013)).wait()
      expect(driver.live).toEqual(['sse'])
      driver.failed('sse', report).wait()
      expect(driver.live).toEqual(['websocket'])
    }
    expect(driver.opened('websocket').received().pass(minute).failed('websocket', closed(1006)).wait().live).toEqual([
      'websocket',
    ])
  })

  it('include event streams that end soon after opening, completely or within an event', () => {
    for (const isCutOff of [false, true]) {
      const driver = new Driver({ names: ['sse', 'poll'] }).connect()
      for (const _ of [1, 2])
        driver
          .opened('sse')
          .pass(100)
          .failed('sse', { ...ended, isCutOff })
          .wait()
      expect(driver.live).toEqual(['poll'])
    }
  })

  it('over an event stream that is cut within an event end with 1006', () => {
    const driver = new Driver({ names: ['sse'] }).connect().opened('sse').received()
    expect(driver.failed('sse', { ...ended, isCutOff: true }).lines()).toContain('0 close 1006, again in 500')
  })

  it.each<[string, (driver: Driver) => Driver]>([
    ['ends with refused credentials', (d) => d.failed('websocket', closed(4401))],
    ['is lost while offline', (d) => d.failed('websocket', closed(1006), { isOnline: false })],
    ['is lost in a hidden page', (d) => d.failed('websocket', closed(1006), { isHidden: true })],
    ['is silent after the page has woken', (d) => d.signal('resume').pass(3000)],
    ['is restored from the back/forward cache', (d) => d.signal({ type: 'pageshow', persisted: true })],
  ])('do not count against their transport if the connection %s', (_, end) => {
    const driver = new Driver({ prepares: true, traits: { websocket: { canPing: true } } }).connect().prepared('websocket')
    for (let times = 0; times < 3; times += 1) {
      driver.opened('websocket').pass(10)
      expect(driver.state.ranking.records[0]).toMatchObject({ shortLives: 0 })
      end(driver).wait()
      if (driver.status === 'closed') driver.connect()
      expect(driver.live).toEqual(['websocket'])
    }
  })
})

describe('a WebSocket that opens and delivers nothing', () => {
  const heartbeat = { intervalMs: 5000, timeoutMs: 2000 }
  const canPing = {
    names: ['websocket', 'sse'],
    heartbeat,
    traits: { websocket: { canPing: true, isProvenByReply: true } },
  } as const

  it('is not proven by the time that it was open, and two such connections count as short-lived', () => {
    const driver = new Driver(canPing).connect().opened('websocket').pass(6999)
    expect([driver.status, isProven(driver)]).toEqual(['open', false])
    driver.pass(1).wait().opened('websocket').pass(6999).lines()
    expect(driver.pass(1).lines()).toContain(`${driver.now} dial sse`)
    expect(driver.opened('sse').received().pass(6000).failed('sse', ended).wait().live).toEqual(['sse'])
  })

  it('is proven by an answer to its heartbeat', () => {
    expect(isProven(new Driver(canPing).connect().opened('websocket').pass(5100).heard())).toBe(true)
  })

  it('leads to growing waits', () => {
    const driver = new Driver({ ...canPing, names: ['websocket'] }).connect()
    const waits = Array.from({ length: 4 }, () => {
      driver.opened('websocket').pass(7000)
      const wait = driver.deadline - driver.now
      driver.wait()
      return wait
    })
    expect(waits).toEqual([500, 1500, 3000, 3750])
  })

  it('is kept without a heartbeat, however often it is cut, since the server may be quiet', () => {
    const driver = new Driver({ names: ['websocket', 'sse'] }).connect()
    for (let times = 0; times < 5; times += 1) {
      driver.opened('websocket').pass(minute)
      expect(isProven(driver)).toBe(true)
      expect(driver.failed('websocket', closed(1006)).wait().live).toEqual(['websocket'])
    }
  })

  it('is kept if it received a message before it went silent', () => {
    const driver = new Driver(canPing).connect()
    for (let times = 0; times < 3; times += 1) {
      expect(driver.opened('websocket').received().pass(7000).wait().live).toEqual(['websocket'])
    }
  })

  it('has the same effect as an event stream that delivers nothing', () => {
    const driver = new Driver({ names: ['sse', 'poll'] }).connect()
    for (const _ of [1, 2]) driver.opened('sse').sent().pass(minute).failed('sse', cut).wait()
    expect(driver.live).toEqual(['poll'])
  })

  it('transports that all break soon are tried in turn, with growing waits', () => {
    const driver = new Driver({ names: ['websocket', 'sse'] }).connect()
    const dialled: string[] = []
    for (let times = 0; times < 8; times += 1) {
      const name = driver.live[0] === 'sse' ? 'sse' : 'websocket'
      dialled.push(`${name} at ${driver.now}`)
      driver.opened(name).failed(name, closed(1006))
      if (driver.status === 'waiting') driver.pass(driver.deadline - driver.now)
    }
    expect(dialled).toEqual([
      'websocket at 0',
      'websocket at 500',
      'sse at 500',
      'sse at 3500',
      'websocket at 7250',
      'websocket at 11000',
      'websocket at 14750',
      'websocket at 18500',
    ])
  })
})
