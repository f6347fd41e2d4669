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

/** A driver that waits 3,750 ms for its fifth dial; one second has passed. */
const waiting = (options: DriverOptions = { names: ['websocket'] }): Driver => {
  const driver = new Driver(options).connect()
  for (let times = 0; times < 4; times += 1) driver.wait().failed('websocket', refused)
  driver.pass(1000).lines()
  return driver
}

describe('while the client waits', () => {
  it.each(['online', 'resume'] as const)('"%s" leads to a retry within half a second', (signal) => {
    const driver = waiting().signal(signal)
    expect(driver.deadline - driver.now).toBe(250)
    expect(driver.wait().live).toEqual(['websocket'])
  })

  it('repeated "online" events lead to at most one retry per second', () => {
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

  it('"online" never delays a retry', () => {
    const driver = new Driver({ names: ['websocket'], random: 0.01 }).connect().failed('websocket', refused)
    expect(driver.signal('online').deadline).toBe(10)
  })

  it('"offline" changes the status, but not the time of the next retry', () => {
    const driver = waiting()
    const due = driver.deadline
    expect(driver.signal('offline').lines()).toEqual([`${driver.now} state offline`])
    expect(driver.deadline).toBe(due)
    expect(driver.wait().live).toEqual(['websocket'])
    driver.failed('websocket', refused)
    expect(driver.status).toBe('offline')
  })

  it('"online" restarts the backoff', () => {
    const driver = waiting().signal('online').wait().failed('websocket', refused)
    expect(driver.deadline - driver.now).toBe(1500)
  })

  it('a page that is shown retries at once after a long absence, and waits on after a short one', () => {
    const slow: DriverOptions = { names: ['websocket'], retry: () => 100_000 }
    const hidden = new Driver(slow).connect().failed('websocket', refused).signal('hidden')
    expect(hidden.pass(30_000).signal('visible').deadline).toBe(100_000)
    expect(hidden.signal('hidden').pass(30_001).signal('visible').deadline).toBe(60_251)
  })
})

describe('while the connection is open', () => {
  it.each(['offline', 'online'] as const)('"%s" sends a ping, since browsers sometimes report it wrongly', (signal) => {
    const driver = running().pass(60_000).signal(signal)
    expect(driver.lines()).toEqual(['60000 ping websocket'])
    expect(driver.pass(2999).status).toBe('open')
    expect(driver.pass(1).lines().slice(0, 2)).toEqual(['63000 hang-up websocket', '63000 error conn.silent, again in 125'])
  })

  it('"offline" and "online" have no effect if the transport cannot ping', () => {
    expect(
      running({ names: ['websocket'] })
        .signal('offline')
        .signal('online')
        .pass(60_000)
        .lines(),
    ).toEqual([])
  })

  it('a pending ping is not repeated', () => {
    const driver = running().signal('offline').pass(2000).signal('online')
    expect(driver.lines()).toEqual(['0 ping websocket'])
    expect(driver.deadline).toBe(3000)
  })

  it.each<[string, (driver: Driver) => Driver]>([
    ['"resume"', (driver) => driver.signal('freeze').signal('resume')],
    ['a page shown after a long absence', (driver) => driver.signal('hidden').pass(30_001).signal('visible')],
    ['a jump of the clock', (driver) => driver.sleep(3_600_000)],
  ])('%s ends a connection that then receives nothing for 3 s, also without a heartbeat', (_, wake) => {
    const driver = wake(running({ names: ['websocket'] }))
    const woken = driver.now
    expect(driver.pass(2999).status).toBe('open')
    expect(driver.pass(1).lines()).toContain(`${woken + 3000} error conn.silent, again in 125`)
    const spoken = wake(running({ names: ['websocket'] }))
      .pass(1000)
      .heard()
    expect(spoken.pass(20_000).status).toBe('open')
  })

  it('data that was received before the ping is no answer to it', () => {
    const driver = running().pass(5000).heard().pass(1000).signal('online')
    expect(driver.pass(3000).status).toBe('waiting')
  })

  it('a replacement is dialled beside the connection if there is a cursor', () => {
    const driver = running({ names: ['sse'] })
    driver.hasCursor = true
    expect(driver.signal('resume').pass(3000).lines()).toContain('3000 dial sse')
    expect(driver.live).toEqual(['sse', 'sse'])
  })

  it.each(['long-poll', 'poll'] as const)('%s polls at once when the page resumes, is shown, or has slept', (name) => {
    const driver = running({ names: [name] })
    expect(driver.signal('resume').lines()).toEqual([`0 poll-now ${name}`])
    expect(driver.signal('hidden').pass(1000).signal('visible').lines()).toEqual([`1000 poll-now ${name}`])
    expect(driver.sleep(60_000).lines()).toEqual([`61000 poll-now ${name}`])
  })

  it('a page shown after a short absence sends no ping', () => {
    expect(running().signal('hidden').pass(30_000).signal('visible').lines()).toEqual([])
  })

  it('an absence counts from the first of several "hidden" and "freeze" events', () => {
    const driver = running().signal('hidden').pass(20_000).signal('freeze').pass(20_000).signal('visible')
    expect(driver.lines()).toEqual(['40000 ping websocket'])
  })

  it('an absence counts from the start if the page was hidden then', () => {
    const driver = running({ ...websocket, isHidden: true })
    expect(driver.pass(30_001).signal('visible').lines()).toEqual(['30001 ping websocket'])
  })

  it('the late timers of a hidden page do not count as sleep', () => {
    expect(running().signal('hidden').sleep(75_000).lines()).toEqual([])
  })

  it('a timer that is slightly late does not count as sleep', () => {
    expect(
      running()
        .sleep(15_000 + 30_000)
        .lines(),
    ).toEqual([])
  })

  it('after sleep, missed heartbeats are replaced by one ping', () => {
    const driver = running({ ...websocket, heartbeat: { intervalMs: 25_000, timeoutMs: 10_000 } }).sleep(3_600_000)
    expect(driver.lines()).toEqual(['3600000 ping websocket'])
    expect(driver.heard().pass(24_999).lines()).toEqual([])
  })
})

describe('while the client dials', () => {
  it.each<[string, (driver: Driver) => Driver]>([
    ['"resume"', (driver) => driver.pass(400).signal('resume')],
    ['a restored page', (driver) => driver.pass(400).signal(restored)],
    ['a jump of the clock', (driver) => driver.sleep(60_000)],
  ])('%s restarts the attempt', (_, wake) => {
    const driver = new Driver({ names: ['websocket'] }).connect()
    driver.lines()
    const { now } = wake(driver)
    expect(driver.lines()).toEqual([`${now} hang-up websocket`, `${now} dial websocket`])
  })

  it.each(['online', 'offline', 'hidden', 'visible', 'freeze', shown] as const)('%j has no effect', (signal) => {
    const driver = new Driver({ names: ['websocket'] }).connect()
    driver.lines()
    expect(driver.signal(signal).lines()).toEqual([])
  })

  it('a client that slept while it waited dials at once, with its backoff reset', () => {
    const driver = waiting()
    driver.sleep(60_000)
    expect(driver.live).toEqual(['websocket'])
    expect(driver.state.failures).toBe(1)
  })
})

describe('pagehide and pageshow', () => {
  it('hang up the connection, and reconnect when the page is restored', () => {
    const driver = running()
    expect(driver.signal('pagehide').lines()).toEqual(['0 hang-up websocket', '0 close 1001', '0 state waiting'])
    expect(driver.deadline).toBe(Infinity)
    expect(driver.pass(3_600_000).signal(restored).wait().live).toEqual(['websocket'])
  })

  it.each(['resume', 'visible', shown] as const)('reconnect also if the only event after pagehide is %j', (signal) => {
    const driver = running().signal('pagehide').pass(5000).signal(signal)
    expect(driver.deadline).toBe(5250)
  })

  it('hang up the attempts in progress', () => {
    const driver = new Driver().connect().pass(600)
    driver.lines()
    expect(driver.signal('pagehide').lines()).toEqual(['600 hang-up websocket', '600 hang-up sse', '600 state waiting'])
  })

  it('keep the client from dialling between them', () => {
    expect(waiting().signal('pagehide').pass(3_600_000).live).toEqual([])
  })

  it('keep the status offline', () => {
    expect(running().signal('offline').signal('pagehide').status).toBe('offline')
    expect(new Driver({ isOnline: false }).connect().signal('pagehide').status).toBe('offline')
  })

  it('replace a connection that is still open when the page is restored', () => {
    const driver = running()
    expect(driver.signal(restored).lines()).toEqual([
      '0 hang-up websocket',
      '0 error conn.restored, again in 125',
      '0 close 1006, again in 125',
      '0 state waiting',
    ])
  })

  it('have no effect when the page is first shown', () => {
    expect(running().signal(shown).lines()).toEqual([])
  })
})

describe('a loss after waking', () => {
  it('is retried almost at once, since other clients have not lost their connections', () => {
    const driver = running().signal('resume').failed('websocket', closed(1006))
    expect(driver.deadline).toBe(125)
  })
})
