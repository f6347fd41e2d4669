import { describe, expect, it } from 'vitest'
import { Driver, type DriverOptions, findings } from '../support/machine-driver.ts'

const { refused, answered, ended } = findings

/** An event stream that opened and says nothing: a proxy may hold its body back, or there is nothing to say. */
function silentStream(options: DriverOptions = { names: ['sse', 'long-poll', 'poll'] }): Driver {
  const driver = new Driver(options).connect().opened('sse')
  driver.lines()
  return driver
}

describe('an event stream that says nothing', () => {
  it('gets one that asks beside it after five seconds, which may take all its time', () => {
    const driver = silentStream().pass(3_600_000)
    expect(driver.lines()).toEqual(['5000 dial long-poll'])
    expect(driver.live).toEqual(['sse', 'long-poll'])
  })

  it('that one takes over when it brings a message, not when it merely opens or answers', () => {
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

  it('then the stream is demoted: it is not tried again soon', () => {
    const driver = silentStream().pass(5000).opened('long-poll')
    driver.apply({ type: 'message', id: driver.idOf('long-poll'), isIncoming: true }).failed('long-poll', answered(500))
    expect(driver.wait().live).toEqual(['long-poll'])
  })

  it('the other one goes as soon as the stream says anything', () => {
    const driver = silentStream().pass(6000)
    driver.lines()
    expect(driver.heard().lines()).toEqual(['6000 hang-up long-poll', '6000 state open, proven'])
    expect(driver.pass(3_600_000).live).toEqual(['sse'])
  })

  it('and when it is lost', () => {
    const driver = silentStream().pass(6000).failed('sse', ended)
    expect([driver.status, driver.live]).toEqual(['waiting', []])
  })

  it('the failure of the other one is nothing to it', () => {
    const driver = silentStream().pass(5000).failed('long-poll', refused)
    driver.lines()
    expect(driver.pass(3_600_000).lines()).toEqual([])
    expect(driver.live).toEqual(['sse'])
  })

  it('being prepared does not limit the time of the other one', () => {
    const driver = silentStream({ names: ['sse', 'poll'], prepares: true })
      .pass(5000)
      .prepared('poll')
      .pass(60_000)
    expect(driver.live).toEqual(['sse', 'poll'])
  })

  it.each<[string, () => Driver]>([
    ['has carried something out', () => silentStream().sent()],
    ['has nothing below it that asks', () => silentStream({ names: ['sse', 'websocket'] })],
    ['has nothing below it', () => silentStream({ names: ['sse'] })],
    ['was heard', () => silentStream().pass(100).heard()],
    ['asks itself', () => new Driver({ names: ['long-poll', 'poll'] }).connect().opened('long-poll')],
  ])('none is dialled beside one that %s', (_, start) => {
    expect(start().pass(3_600_000).live).toHaveLength(1)
  })
})

describe('a stream as the better one', () => {
  const options: DriverOptions = { names: ['sse', 'poll'] }

  function polling(): Driver {
    const driver = new Driver(options).connect().failed('sse', refused).opened('poll')
    driver.hasCursor = true
    driver.received().pass(30_000).lines()
    return driver
  }

  it('has to say something before it takes over', () => {
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

  it('what it said then proves it, like anything that it says', () => {
    const driver = polling().opened('sse')
    driver.apply({ type: 'heard', id: driver.idOf('sse'), hasCursor: true }).pass(5000)
    expect(driver.live).toEqual(['sse'])
    expect(driver.state).toMatchObject({ link: { isProven: true } })
  })

  it('silent for its time it is given up and rests', () => {
    const driver = polling().opened('sse').pass(10_000)
    expect(driver.lines()).toEqual(['40000 hang-up sse', '40000 error net.timeout'])
    expect(driver.pass(59_999).live).toEqual(['poll'])
    expect(driver.pass(1).live).toEqual(['poll', 'sse'])
  })
})
