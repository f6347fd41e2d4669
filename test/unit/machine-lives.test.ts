import { describe, expect, it } from 'vitest'
import { Driver, findings } from '../support/machine-driver.ts'

const { refused, answered, closed, cut, ended } = findings
const minute = 60_000
const isProven = ({ state }: Driver) => state.status === 'open' && state.link.isProven

describe('proving', () => {
  it.each(['websocket', 'sse', 'long-poll', 'poll'] as const)('a message that came in proves %s at once', (name) => {
    const driver = new Driver({ names: [name] }).connect().opened(name)
    driver.lines()
    expect(driver.received().lines()).toEqual(['0 state open, proven'])
    expect(driver.state).toMatchObject({ ranking: { preferred: 0 } })
  })

  it('one that went out proves nothing', () => {
    expect(isProven(new Driver().connect().opened('websocket').sent())).toBe(false)
  })

  it('five seconds of life prove it too', () => {
    const driver = new Driver().connect().opened('websocket').pass(4999)
    expect(isProven(driver)).toBe(false)
    expect(isProven(driver.pass(1))).toBe(true)
  })

  it('or what provingMs says', () => {
    expect(isProven(new Driver({ provingMs: 100 }).connect().opened('websocket').pass(100))).toBe(true)
  })

  it('an event stream only when something was heard: a proxy may hold the body back', () => {
    const driver = new Driver({ names: ['sse'] }).connect().opened('sse').pass(minute)
    expect(isProven(driver)).toBe(false)
    expect(isProven(driver.heard())).toBe(true)
  })

  it('heard early, it is proven after the five seconds', () => {
    const driver = new Driver({ names: ['sse'] }).connect().opened('sse').pass(10).heard()
    expect(isProven(driver.pass(4989))).toBe(false)
    expect(isProven(driver.pass(1))).toBe(true)
  })

  it('also heard in the very millisecond in which it opened', () => {
    const driver = new Driver({ names: ['sse'] }).connect().opened('sse').heard().pass(minute)
    expect(isProven(driver)).toBe(true)
  })

  it.each(['long-poll', 'poll'] as const)('an answer proves %s, whatever was in it', (name) => {
    expect(isProven(new Driver({ names: [name] }).connect().opened(name).heard())).toBe(true)
  })

  it('a long-poll that is merely held is not proven until it answers', () => {
    expect(isProven(new Driver({ names: ['long-poll'] }).connect().opened('long-poll').pass(19_000))).toBe(false)
  })
})

describe('after a loss', () => {
  it('what was proven is retried first and alone, and at the next retry the others join when nothing comes', () => {
    const driver = new Driver({ raceAfterMs: 100 }).connect().opened('websocket').received().failed('websocket', closed(1006))
    driver.pass(500)
    expect(driver.pass(5000).live).toEqual(['websocket'])
    driver.failed('websocket', refused).pass(1500)
    expect(driver.pass(300).live).toEqual(['websocket', 'sse', 'long-poll', 'poll'])
  })

  it('a fallback of that first retry is not one: it waits', () => {
    const driver = new Driver().connect().opened('websocket').received()
    driver.failed('websocket', closed(1012)).pass(500)
    expect(driver.failed('websocket', refused).status).toBe('waiting')
  })

  it('when all transports have failed, what was preferred is forgotten', () => {
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
      'forgotten when a message came before it was cut',
      (d) => d.received().failed('websocket', closed(1006)),
      [500, 500, 500, 500],
    ],
    ['kept when it only opened', (d) => d.failed('websocket', closed(1006)), [500, 1500, 3000, 3750]],
    [
      'kept when the server greets and then shows the door in order',
      (d) => d.received().pass(100).failed('websocket', closed(1001)),
      [500, 1500, 3000, 3750],
    ],
  ])('earlier failures are %s', (_, life, expected) => {
    expect(waits(new Driver({ names: ['websocket'] }).connect(), life, 4)).toEqual(expected)
  })

  it('earlier failures are forgotten six times when a message came before it was cut soon, until one lives', () => {
    const driver = new Driver({ names: ['websocket'] }).connect()
    const cutSoon = (d: Driver) => d.received().pass(100).failed('websocket', closed(1006))
    const forgiven = Array.from({ length: 6 }, () => 500)
    expect(waits(driver, cutSoon, 9)).toEqual([...forgiven, 1500, 3000, 3750])
    expect(waits(driver, (d) => d.received().pass(5000).failed('websocket', closed(1006)), 1)).toEqual([500])
    expect(waits(driver, cutSoon, 7)).toEqual([...forgiven, 1500])
  })

  it('an outage is as old as its first loss, so that after a minute the waits may grow', () => {
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

describe('short lives', () => {
  /** WebSocket opens and is cut after 150 ms. */
  const killed = (driver: Driver) => driver.opened('websocket').pass(150).failed('websocket', closed(1006))

  it('two of them, and the next transport is dialled at once and first', () => {
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

  it('while no lower transport is proven it is not demoted, only tried last', () => {
    const driver = killed(killed(new Driver({ names: ['websocket', 'sse'] }).connect()).pass(500)).failed('sse', refused)
    expect(driver.live).toEqual(['websocket'])
  })

  it('once a lower transport is proven it rests for five minutes', () => {
    const driver = killed(killed(new Driver().connect()).pass(500)).opened('sse').received()
    const from = driver.now
    driver.pass(5 * minute - 1000).failed('sse', ended)
    expect(driver.pass(500).live).toEqual(['sse'])
    driver.opened('sse').received().pass(minute).failed('sse', ended)
    expect(driver.now - from).toBeGreaterThan(5 * minute)
    expect(driver.pass(500).live).toEqual(['websocket'])
  })

  it.each([1000, 1001, 1012, 1013, 4000, 4429])(
    'a close with %i soon after opening is one as well, but nothing is dialled at once',
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

  it('where the other transports are refused as well, a server that closes on purpose keeps its WebSocket', () => {
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

  it.each([429, 502, 503])(
    'where the others answer %i, it is the server that wants nobody: its WebSocket is blamed for nothing',
    (status) => {
      const driver = new Driver().connect()
      for (const _ of [1, 2, 3]) {
        for (const _ of [1, 2]) driver.opened('websocket').pass(150).failed('websocket', closed(1013)).wait()
        expect(driver.live).toEqual(['sse'])
        driver.failed('sse', answered(status)).wait()
        expect(driver.live).toEqual(['websocket'])
      }
      expect(driver.opened('websocket').received().pass(minute).failed('websocket', closed(1006)).wait().live).toEqual([
        'websocket',
      ])
    },
  )

  it('a stream that ends in order soon after opening is one, and so is one that is cut inside an event', () => {
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

  it('a stream that is cut inside an event did not end in order', () => {
    const driver = new Driver({ names: ['sse'] }).connect().opened('sse').received()
    expect(driver.failed('sse', { ...ended, isCutOff: true }).lines()).toContain('0 close 1006, again in 500')
  })

  it.each<[string, (driver: Driver) => Driver]>([
    ['refuses credentials', (d) => d.failed('websocket', closed(4401))],
    ['is lost without a network', (d) => d.failed('websocket', closed(1006), { isOnline: false })],
    ['is lost by a page that nobody sees', (d) => d.failed('websocket', closed(1006), { isHidden: true })],
    ['is silent after the page has woken', (d) => d.signal('resume').pass(3000)],
    ['comes back from the cache', (d) => d.signal({ type: 'pageshow', persisted: true })],
  ])('one that %s tells nothing of its transport', (_, end) => {
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

describe('a WebSocket that opens and passes nothing', () => {
  const heartbeat = { intervalMs: 5000, timeoutMs: 2000 }
  const canPing = {
    names: ['websocket', 'sse'],
    heartbeat,
    traits: { websocket: { canPing: true, isProvenByReply: true } },
  } as const

  it('is not proven by having lived, and two such lives are short ones', () => {
    const driver = new Driver(canPing).connect().opened('websocket').pass(6999)
    expect([driver.status, isProven(driver)]).toEqual(['open', false])
    driver.pass(1).wait().opened('websocket').pass(6999).lines()
    expect(driver.pass(1).lines()).toContain(`${driver.now} dial sse`)
    expect(driver.opened('sse').received().pass(6000).failed('sse', ended).wait().live).toEqual(['sse'])
  })

  it('is proven by an answer to its heartbeat', () => {
    expect(isProven(new Driver(canPing).connect().opened('websocket').pass(5100).heard())).toBe(true)
  })

  it('its waits go on growing', () => {
    const driver = new Driver({ ...canPing, names: ['websocket'] }).connect()
    const waits = Array.from({ length: 4 }, () => {
      driver.opened('websocket').pass(7000)
      const wait = driver.deadline - driver.now
      driver.wait()
      return wait
    })
    expect(waits).toEqual([500, 1500, 3000, 3750])
  })

  it('is not told from a quiet server where nothing asks: that one is kept, however often it is cut', () => {
    const driver = new Driver({ names: ['websocket', 'sse'] }).connect()
    for (let times = 0; times < 5; times += 1) {
      driver.opened('websocket').pass(minute)
      expect(isProven(driver)).toBe(true)
      expect(driver.failed('websocket', closed(1006)).wait().live).toEqual(['websocket'])
    }
  })

  it('one that was heard, and went silent, has worked', () => {
    const driver = new Driver(canPing).connect()
    for (let times = 0; times < 3; times += 1) {
      expect(driver.opened('websocket').received().pass(7000).wait().live).toEqual(['websocket'])
    }
  })

  it('an event stream of which nothing came while it lived is no better', () => {
    const driver = new Driver({ names: ['sse', 'poll'] }).connect()
    for (const _ of [1, 2]) driver.opened('sse').sent().pass(minute).failed('sse', cut).wait()
    expect(driver.live).toEqual(['poll'])
  })

  it('transports that all break soon are tried in turn, with waits that grow', () => {
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
