import { describe, expect, it } from 'vitest'
import { attemptsOf, commandsBetween } from '../../src/connection/machine/effects.ts'
import { Driver, type DriverOptions, findings } from '../support/machine-driver.ts'

const heartbeat = { intervalMs: 25_000, timeoutMs: 10_000 }
const pinging: DriverOptions = { names: ['websocket'], heartbeat, traits: { websocket: { canPing: true } } }
const listening: DriverOptions = { names: ['sse'], heartbeat }
const resuming: DriverOptions = { ...pinging, traits: { websocket: { canPing: true, resumes: true } } }

function running(options: DriverOptions): Driver {
  const driver = new Driver(options)
  const [name = 'websocket'] = driver.names
  driver.connect().opened(name).received().lines()
  return driver
}

function withCursor(options: DriverOptions): Driver {
  const driver = running(options)
  driver.hasCursor = true
  return driver
}

describe('silence', () => {
  it('has no effect without a heartbeat', () => {
    const driver = running({ names: ['websocket', 'sse'] }).pass(86_400_000)
    expect(driver.lines()).toEqual([])
  })

  it('leads to a ping after the interval, if the transport can ping', () => {
    const driver = running(pinging).pass(24_999)
    expect(driver.lines()).toEqual([])
    expect(driver.pass(1).lines()).toEqual(['25000 ping websocket'])
  })

  it('ends the connection if the ping is not answered in time', () => {
    const driver = running(pinging).pass(34_999)
    driver.lines()
    expect(driver.pass(1).lines()).toEqual([
      '35000 hang-up websocket',
      '35000 error conn.silent, again in 500',
      '35000 close 1006, again in 500',
      '35000 state waiting',
    ])
  })

  it('ends with the answer to the ping, and the next ping follows an interval later', () => {
    const driver = running(pinging).pass(26_000).heard()
    expect(driver.pass(24_999).lines()).toEqual(['25000 ping websocket'])
    expect(driver.pass(1).lines()).toEqual(['51000 ping websocket'])
  })

  it('is interrupted by anything received, which delays the ping', () => {
    const driver = running(pinging)
    for (let times = 0; times < 100; times += 1) driver.pass(20_000).heard()
    expect(driver.lines()).toEqual([])
  })

  it('ends the connection after the interval and the timeout, if the transport cannot ping', () => {
    const driver = running(listening).pass(34_999)
    expect(driver.lines()).toEqual([])
    expect(driver.pass(1).status).toBe('waiting')
  })

  it.each(['long-poll', 'poll'] as const)('has no effect over %s, which asks the server all the time', (name) => {
    expect(
      running({ names: [name], heartbeat })
        .pass(86_400_000)
        .lines(),
    ).toEqual([])
  })

  it('ends the connection after the timeout if the interval is 0, without a busy loop', () => {
    const driver = running({ ...pinging, heartbeat: { intervalMs: 0, timeoutMs: 100 } }).pass(99)
    expect(driver.status).toBe('open')
    expect(driver.pass(1).status).toBe('waiting')
  })
})

describe('a replacement beside a silent connection with a cursor', () => {
  it('is dialled while the silent connection stays open', () => {
    const driver = withCursor(resuming).pass(35_000)
    expect(driver.lines()).toEqual(['25000 ping websocket', '35000 dial websocket'])
    expect(driver.live).toEqual(['websocket', 'websocket'])
  })

  it('takes over when it opens, without a "transport" event', () => {
    const driver = withCursor(resuming).pass(35_000)
    driver.lines()
    expect(driver.opened('websocket').lines()).toEqual([
      '35000 hang-up websocket',
      '35000 activate websocket',
      '35000 state open',
    ])
  })

  it('takes over from a connection that is hung up as silent', () => {
    const driver = withCursor(resuming).pass(35_000)
    const before = driver.state
    const [silent] = attemptsOf(before)
    expect(silent).toBeDefined()
    driver.opened('websocket')
    const hungUp = commandsBetween(before, driver.state).filter((command) => command.do === 'hang-up')
    expect(hungUp).toEqual([{ do: 'hang-up', id: silent?.id, isSilent: true }])
  })

  it('is not hung up as silent when the silent connection receives something', () => {
    const driver = withCursor(resuming).pass(35_000)
    const before = driver.state
    const replacement = attemptsOf(before).at(-1)
    driver.heard()
    expect(commandsBetween(before, driver.state)).toEqual([{ do: 'hang-up', id: replacement?.id }])
  })

  it('is hung up when the silent connection receives something', () => {
    const driver = withCursor(resuming).pass(36_000)
    driver.lines()
    expect(driver.heard().lines()).toEqual(['36000 hang-up websocket'])
    expect(driver.pass(24_999).lines()).toEqual([])
  })

  it('that fails as well ends the silent connection', () => {
    const driver = withCursor(resuming).pass(35_000).failed('websocket', findings.refused)
    expect(driver.status).toBe('waiting')
    expect(driver.live).toEqual([])
  })

  it('that takes too long ends the silent connection', () => {
    const driver = withCursor(resuming).pass(45_000)
    expect(driver.status).toBe('waiting')
  })

  it('starts its timeout when prepare() has settled', () => {
    const driver = withCursor({ ...resuming, prepares: true })
      .pass(44_000)
      .prepared('websocket')
    expect(driver.pass(9999).status).toBe('open')
    expect(driver.pass(1).status).toBe('waiting')
  })

  it('is hung up when the silent connection is lost after all', () => {
    const driver = withCursor(resuming).pass(35_000)
    const { state } = driver
    if (state.status !== 'open') throw new Error(state.status)
    driver.apply({ type: 'failed', id: state.link.id, diagnosis: driver.policy.diagnose(findings.cut, state.link, 'open', 0) })
    expect(driver.status).toBe('waiting')
    expect(driver.live).toEqual([])
  })

  it('is the only one, however often the page wakes meanwhile', () => {
    const driver = withCursor({ ...resuming, heartbeat: null })
      .signal('resume')
      .pass(3000)
      .signal('resume')
      .pass(3000)
    expect(driver.live.length).toBeLessThanOrEqual(2)
  })

  it('is not dialled if the transport cannot resume from a cursor', () => {
    expect(withCursor(pinging).pass(35_000).status).toBe('waiting')
  })

  it('takes over also if the cursor is gone by the time it opens', () => {
    const driver = withCursor(resuming).pass(35_000)
    driver.hasCursor = false
    const [silent] = attemptsOf(driver.state)
    driver.opened('websocket')
    expect(driver.state).toMatchObject({ status: 'open', challengers: [] })
    expect(driver.state).not.toMatchObject({ link: { id: silent?.id } })
  })
})

describe('a better transport beside a silent connection', () => {
  const both: DriverOptions = {
    names: ['websocket', 'sse'],
    heartbeat,
    traits: { websocket: { resumes: true }, sse: { canPing: true } },
  }

  it('can be dialled together with the replacement; the first to open takes over', () => {
    const driver = new Driver(both).connect().failed('websocket', findings.refused).opened('sse').received()
    driver.hasCursor = true
    driver.pass(35_000)
    expect(driver.live).toEqual(['sse', 'websocket', 'sse'])
    expect(driver.opened('websocket').live).toEqual(['websocket'])
  })
})

describe('a connection that opens and then delivers nothing', () => {
  const session: DriverOptions = {
    names: ['websocket', 'sse', 'long-poll'],
    heartbeat,
    traits: { websocket: { canPing: true, resumes: true }, sse: { isProvenByHearing: false, resumes: true } },
  }

  /** The open connection receives nothing until it is replaced by one over this transport. */
  function replaced(driver: Driver, name: 'websocket' | 'sse'): Driver {
    return driver.pass(35_000).opened(name)
  }

  function openOverSse(options: DriverOptions = session): Driver {
    const driver = new Driver(options).connect().failed('websocket', findings.unsupported).opened('sse')
    driver.hasCursor = true
    return driver
  }

  it('is replaced once; the second time the next transport is dialled at once', () => {
    const driver = replaced(openOverSse(), 'sse')
    driver.lines()
    expect(driver.pass(35_000).lines()).toEqual([
      '40000 state open, proven',
      '70000 hang-up sse',
      '70000 dial long-poll',
      '70000 error sse.buffered',
      '70000 close 1006, again in 0',
      '70000 state connecting',
    ])
    driver.opened('long-poll').received()
    expect(driver.live).toEqual(['long-poll'])
    // SSE is not dialled again before the end of its demotion.
    expect(driver.pass(4 * 60_000).live).toEqual(['long-poll'])
  })

  it('raises an error also if there is no other transport', () => {
    const driver = replaced(openAlone({ ...session, names: ['sse'] }), 'sse').pass(35_000)
    expect(driver.lines()).toContain('70000 error sse.buffered, again in 500')
  })

  it('leads to the next transport over WebSocket as well', () => {
    const driver = new Driver(session).connect().opened('websocket')
    driver.hasCursor = true
    expect(replaced(driver, 'websocket').pass(35_000).live).toEqual(['sse'])
    expect(driver.lines()).toContain('70000 error conn.silent')
  })

  it('raises no error if something was received in between', () => {
    const driver = replaced(openOverSse(), 'sse').pass(10_000).heard()
    driver.lines()
    replaced(replaced(driver, 'sse'), 'sse')
    expect(driver.lines().filter((line) => line.includes('error'))).toEqual([])
  })

  it('stays open if it is an event stream whose server need not send anything', () => {
    const driver = openOverSse({ ...session, traits: { sse: { resumes: true } }, names: ['websocket', 'sse'] })
    for (let times = 0; times < 10; times += 1) replaced(driver, 'sse')
    expect(driver.status).toBe('open')
  })
})

function openAlone(options: DriverOptions): Driver {
  const driver = new Driver(options).connect().opened('sse')
  driver.hasCursor = true
  return driver
}
