import { describe, expect, it } from 'vitest'
import { Driver, type DriverOptions, findings } from '../support/machine-driver.ts'

const { refused, answered, ended } = findings

/** An event stream that has opened and delivers nothing: a proxy may buffer its body, or the server has nothing to send. */
function silentStream(options: DriverOptions = { names: ['sse', 'long-poll', 'poll'] }): Driver {
  const driver = new Driver(options).connect().opened('sse')
  driver.lines()
  return driver
}

describe('an event stream that delivers nothing', () => {
  it('is joined after five seconds by a long-poll, which has no timeout', () => {
    const driver = silentStream().pass(3_600_000)
    expect(driver.lines()).toEqual(['5000 dial long-poll'])
    expect(driver.live).toEqual(['sse', 'long-poll'])
  })

  it('is replaced when the long-poll receives a message, not when it merely opens or is answered', () => {
    const driver = silentStream().pass(5000)
    const challenger = driver.idOf('long-poll')
    driver.opened('long-poll').apply({ type: 'heard', id: challenger, hasCursor: false })
    driver.apply({ type: 'message', id: challenger, isIncoming: false })
    expect(driver.live).toEqual(['sse', 'long-poll'])
    driver.lines()
    expect(driver.apply({ type: 'message', id: challenger, isIncoming: true }).lines()).toEqual([
      '5000 hang-up sse',
      '5000 activate long-poll',
      '5000 transport sse to long-poll',
      '5000 state open, proven',
    ])
  })

  it('is demoted when it is replaced, so that it is not dialled again soon', () => {
    const driver = silentStream().pass(5000).opened('long-poll')
    driver.apply({ type: 'message', id: driver.idOf('long-poll'), isIncoming: true }).failed('long-poll', answered(500))
    expect(driver.wait().live).toEqual(['long-poll'])
  })

  it('makes the client hang up the long-poll as soon as it delivers anything', () => {
    const driver = silentStream().pass(6000)
    driver.lines()
    expect(driver.heard().lines()).toEqual(['6000 hang-up long-poll', '6000 state open, proven'])
    expect(driver.pass(3_600_000).live).toEqual(['sse'])
  })

  it('makes the client hang up the long-poll when it is lost', () => {
    const driver = silentStream().pass(6000).failed('sse', ended)
    expect([driver.status, driver.live]).toEqual(['waiting', []])
  })

  it('is not affected by the failure of the long-poll', () => {
    const driver = silentStream().pass(5000).failed('long-poll', refused)
    driver.lines()
    expect(driver.pass(3_600_000).lines()).toEqual([])
    expect(driver.live).toEqual(['sse'])
  })

  it('is joined by a poll that has no timeout after prepare() either', () => {
    const driver = silentStream({ names: ['sse', 'poll'], prepares: true })
      .pass(5000)
      .prepared('poll')
      .pass(60_000)
    expect(driver.live).toEqual(['sse', 'poll'])
  })

  it.each<[string, () => Driver]>([
    ['has sent a message', () => silentStream().sent()],
    ['has no polling transport below it', () => silentStream({ names: ['sse', 'websocket'] })],
    ['is the only transport', () => silentStream({ names: ['sse'] })],
    ['has delivered something', () => silentStream().pass(100).heard()],
    ['is a long-poll', () => new Driver({ names: ['long-poll', 'poll'] }).connect().opened('long-poll')],
  ])('is not joined by another transport if it %s', (_, start) => {
    expect(start().pass(3_600_000).live).toHaveLength(1)
  })
})

describe('an event stream as the better transport', () => {
  const options: DriverOptions = { names: ['sse', 'poll'] }

  function polling(): Driver {
    const driver = new Driver(options).connect().failed('sse', refused).opened('poll')
    driver.hasCursor = true
    driver.received().pass(30_000).lines()
    return driver
  }

  it('takes over only when it has delivered something', () => {
    const driver = polling().opened('sse')
    expect(driver.live).toEqual(['poll', 'sse'])
    driver.lines()
    expect(driver.apply({ type: 'heard', id: driver.idOf('sse'), hasCursor: true }).lines()).toEqual([
      '30000 hang-up poll',
      '30000 activate sse',
      '30000 transport poll to sse',
      '30000 state open',
    ])
  })

  it('is proven by what it delivered before it took over', () => {
    const driver = polling().opened('sse')
    driver.apply({ type: 'heard', id: driver.idOf('sse'), hasCursor: true }).pass(5000)
    expect(driver.live).toEqual(['sse'])
    expect(driver.state).toMatchObject({ link: { isProven: true } })
  })

  it('is given up, and rests, if it delivers nothing within connectTimeoutMs', () => {
    const driver = polling().opened('sse').pass(10_000)
    expect(driver.lines()).toEqual(['40000 hang-up sse', '40000 error net.timeout'])
    expect(driver.pass(59_999).live).toEqual(['poll'])
    expect(driver.pass(1).live).toEqual(['poll', 'sse'])
  })
})
