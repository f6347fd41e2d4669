import { describe, expect, it } from 'vitest'
import { Driver, type DriverOptions, findings } from '../support/machine-driver.ts'

const { refused, closed } = findings
const restored = { type: 'pageshow', persisted: true } as const
const shown = { type: 'pageshow', persisted: false } as const
const websocket: DriverOptions = { names: ['websocket'], traits: { websocket: { canPing: true } } }

const running = (options: DriverOptions = websocket): Driver => {
  const driver = new Driver(options)
  driver
    .connect()
    .opened(driver.names[0] ?? 'websocket')
    .received()
    .lines()
  return driver
}

/** Waiting for its fifth retry, 3,750 ms from now; nothing was dialled for a second. */
const waiting = (options: DriverOptions = { names: ['websocket'] }): Driver => {
  const driver = new Driver(options).connect()
  for (let times = 0; times < 4; times += 1) driver.wait().failed('websocket', refused)
  driver.pass(1000).lines()
  return driver
}

describe('while it waits', () => {
  it.each(['online', 'resume'] as const)('"%s" tries again at once, spread over half a second', (signal) => {
    const driver = waiting().signal(signal)
    expect(driver.deadline - driver.now).toBe(250)
    expect(driver.wait().live).toEqual(['websocket'])
  })

  it('but not more often than once a second, however often it is said', () => {
    const driver = new Driver({ names: ['websocket'], retry: () => 20_000 }).connect()
    const dialled: number[] = []
    for (let times = 0; times < 30; times += 1) {
      if (driver.status === 'connecting') {
        dialled.push(driver.now)
        driver.failed('websocket', refused)
      }
      driver.signal('offline').signal('online').pass(100)
    }
    expect(dialled).toEqual([0, 1000, 2000])
  })

  it('and never later than it would have been', () => {
    const driver = new Driver({ names: ['websocket'], random: 0.01 }).connect().failed('websocket', refused)
    expect(driver.signal('online').deadline).toBe(10)
  })

  it('"offline" only explains: it goes on trying', () => {
    const driver = waiting()
    const due = driver.deadline
    expect(driver.signal('offline').lines()).toEqual([`${driver.now} state offline`])
    expect(driver.deadline).toBe(due)
    expect(driver.wait().live).toEqual(['websocket'])
    driver.failed('websocket', refused)
    expect(driver.status).toBe('offline')
  })

  it('the waits begin anew after a long absence', () => {
    const driver = waiting().signal('online').wait().failed('websocket', refused)
    expect(driver.deadline - driver.now).toBe(1500)
  })

  it('shown after a long absence it tries at once, after a short one it waits on', () => {
    const slow: DriverOptions = { names: ['websocket'], retry: () => 100_000 }
    const hidden = new Driver(slow).connect().failed('websocket', refused).signal('hidden')
    expect(hidden.pass(30_000).signal('visible').deadline).toBe(100_000)
    expect(hidden.signal('hidden').pass(30_001).signal('visible').deadline).toBe(60_251)
  })
})

describe('while it is open', () => {
  it.each(['offline', 'online'] as const)('"%s" asks for a sign of life, since browsers say that wrongly too', (signal) => {
    const driver = running().pass(60_000).signal(signal)
    expect(driver.lines()).toEqual(['60000 ping websocket'])
    expect(driver.pass(2999).status).toBe('open')
    expect(driver.pass(1).lines().slice(0, 2)).toEqual(['63000 hang-up websocket', '63000 error conn.silent, again in 125'])
  })

  it('a change of the network is nothing to one that cannot ask', () => {
    expect(
      running({ names: ['websocket'] })
        .signal('offline')
        .signal('online')
        .pass(60_000)
        .lines(),
    ).toEqual([])
  })

  it('a question that runs is not asked again', () => {
    const driver = running().signal('offline').pass(2000).signal('online')
    expect(driver.lines()).toEqual(['0 ping websocket'])
    expect(driver.deadline).toBe(3000)
  })

  it.each<[string, (driver: Driver) => Driver]>([
    ['"resume"', (driver) => driver.signal('freeze').signal('resume')],
    ['shown after a long absence', (driver) => driver.signal('hidden').pass(30_001).signal('visible')],
    ['a jump of the clock', (driver) => driver.sleep(3_600_000)],
  ])('%s asks, heartbeat or not, and replaces what says nothing within 3 s', (_, wake) => {
    const driver = wake(running({ names: ['websocket'] }))
    const woken = driver.now
    expect(driver.pass(2999).status).toBe('open')
    expect(driver.pass(1).lines()).toContain(`${woken + 3000} error conn.silent, again in 125`)
    const spoken = wake(running({ names: ['websocket'] }))
      .pass(1000)
      .heard()
    expect(spoken.pass(20_000).status).toBe('open')
  })

  it('what came before the question is no answer to it', () => {
    const driver = running().pass(5000).heard().pass(1000).signal('online')
    expect(driver.pass(3000).status).toBe('waiting')
  })

  it('with a cursor the replacement is dialled beside it', () => {
    const driver = running({ names: ['sse'] })
    driver.hasCursor = true
    expect(driver.signal('resume').pass(3000).lines()).toContain('3000 dial sse')
    expect(driver.live).toEqual(['sse', 'sse'])
  })

  it.each(['long-poll', 'poll'] as const)('%s asks the server at once', (name) => {
    const driver = running({ names: [name] })
    expect(driver.signal('resume').lines()).toEqual([`0 poll-now ${name}`])
    expect(driver.signal('hidden').pass(1000).signal('visible').lines()).toEqual([`1000 poll-now ${name}`])
    expect(driver.sleep(60_000).lines()).toEqual([`61000 poll-now ${name}`])
  })

  it('shown after a short absence nothing else is asked', () => {
    expect(running().signal('hidden').pass(30_000).signal('visible').lines()).toEqual([])
  })

  it('hidden for longer than it seems: hiding twice counts from the first', () => {
    const driver = running().signal('hidden').pass(20_000).signal('freeze').pass(20_000).signal('visible')
    expect(driver.lines()).toEqual(['40000 ping websocket'])
  })

  it('a page hidden from the start has been hidden since then', () => {
    const driver = running({ ...websocket, isHidden: true })
    expect(driver.pass(30_001).signal('visible').lines()).toEqual(['30001 ping websocket'])
  })

  it('the late timers of a hidden page are no sleep', () => {
    expect(running().signal('hidden').sleep(75_000).lines()).toEqual([])
  })

  it('a timer that is a little late is no sleep', () => {
    expect(
      running()
        .sleep(15_000 + 30_000)
        .lines(),
    ).toEqual([])
  })

  it('after sleep, what was due meanwhile is due no more', () => {
    const driver = running({ ...websocket, heartbeat: { intervalMs: 25_000, timeoutMs: 10_000 } }).sleep(3_600_000)
    expect(driver.lines()).toEqual(['3600000 ping websocket'])
    expect(driver.heard().pass(24_999).lines()).toEqual([])
  })
})

describe('while it dials', () => {
  it.each<[string, (driver: Driver) => Driver]>([
    ['"resume"', (driver) => driver.pass(400).signal('resume')],
    ['a restored page', (driver) => driver.pass(400).signal(restored)],
    ['a jump of the clock', (driver) => driver.sleep(60_000)],
  ])('%s makes it dial anew', (_, wake) => {
    const driver = new Driver({ names: ['websocket'] }).connect()
    driver.lines()
    const { now } = wake(driver)
    expect(driver.lines()).toEqual([`${now} hang-up websocket`, `${now} dial websocket`])
  })

  it.each(['online', 'offline', 'hidden', 'visible', 'freeze', shown] as const)('%j is nothing to it', (signal) => {
    const driver = new Driver({ names: ['websocket'] }).connect()
    driver.lines()
    expect(driver.signal(signal).lines()).toEqual([])
  })

  it('what slept while it waited begins anew', () => {
    const driver = waiting()
    driver.sleep(60_000)
    expect(driver.live).toEqual(['websocket'])
    expect(driver.state.failures).toBe(1)
  })
})

describe('a page that is put away', () => {
  it('holds no connection, and has one again when it is shown', () => {
    const driver = running()
    expect(driver.signal('pagehide').lines()).toEqual(['0 hang-up websocket', '0 close 1001', '0 state waiting'])
    expect(driver.deadline).toBe(Infinity)
    expect(driver.pass(3_600_000).signal(restored).wait().live).toEqual(['websocket'])
  })

  it.each(['resume', 'visible', shown] as const)('comes back also when the browser says no more than %j', (signal) => {
    const driver = running().signal('pagehide').pass(5000).signal(signal)
    expect(driver.deadline).toBe(5250)
  })

  it('gives up what it was dialling', () => {
    const driver = new Driver().connect().pass(600)
    driver.lines()
    expect(driver.signal('pagehide').lines()).toEqual(['600 hang-up websocket', '600 hang-up sse', '600 state waiting'])
  })

  it('tries nothing while it is away', () => {
    expect(waiting().signal('pagehide').pass(3_600_000).live).toEqual([])
  })

  it('is offline when it was', () => {
    expect(running().signal('offline').signal('pagehide').status).toBe('offline')
    expect(new Driver({ isOnline: false }).connect().signal('pagehide').status).toBe('offline')
  })

  it('an open connection that comes out of the cache is not believed', () => {
    const driver = running()
    expect(driver.signal(restored).lines()).toEqual([
      '0 hang-up websocket',
      '0 error conn.restored, again in 125',
      '0 close 1006, again in 125',
      '0 state waiting',
    ])
  })

  it('but the first showing of a page is nothing', () => {
    expect(running().signal(shown).lines()).toEqual([])
  })
})

describe('a loss after waking', () => {
  it('is retried almost at once, since nobody else lost theirs', () => {
    const driver = running().signal('resume').failed('websocket', closed(1006))
    expect(driver.deadline).toBe(125)
  })
})
