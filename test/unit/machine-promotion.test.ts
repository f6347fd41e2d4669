import { describe, expect, it } from 'vitest'
import { Driver, type DriverOptions, findings } from '../support/machine-driver.ts'

const { refused, ended, answered } = findings
const minute = 60_000

describe('promotion', () => {
  const resuming: DriverOptions = { names: ['websocket', 'sse'], traits: { websocket: { resumes: true } } }

  function onSse(options: DriverOptions = resuming): Driver {
    const driver = new Driver(options).connect().failed('websocket', refused).opened('sse')
    driver.hasCursor = true
    driver.received().lines()
    return driver
  }

  it('dials a better transport after 30 s beside the open one, and moves to it', () => {
    const driver = onSse().pass(30_000)
    expect(driver.lines()).toEqual(['30000 dial websocket'])
    expect(driver.pass(100).opened('websocket').lines()).toEqual([
      '30100 hang-up sse',
      '30100 activate websocket',
      '30100 transport sse to websocket',
      '30100 state open',
    ])
  })

  it('is tried again after a failure, each time after twice the pause, up to 10 minutes', () => {
    const driver = onSse()
    const from: number[] = []
    while (driver.now < 60 * minute) {
      driver.pass(1000)
      if (!driver.live.includes('websocket')) continue
      from.push(driver.now / 1000)
      driver.failed('websocket', refused)
    }
    expect(from.map((at, index) => at - (from[index - 1] ?? 0)).slice(0, 8)).toEqual([30, 60, 120, 240, 480, 600, 600, 600])
  })

  it.each<[string, DriverOptions, boolean, boolean]>([
    ['without a cursor that the better transport understands', { names: ['websocket', 'sse'] }, true, true],
    ['while there is no cursor', resuming, false, true],
    ['while the open transport is not proven', resuming, true, false],
  ])('never happens %s', (_, options, hasCursor, isHeard) => {
    const driver = new Driver(options).connect().failed('websocket', refused).opened('sse')
    driver.hasCursor = hasCursor
    if (isHeard) driver.received()
    driver.lines()
    expect(
      driver
        .pass(20 * minute)
        .lines()
        .filter((line) => line.includes('dial')),
    ).toEqual([])
  })

  it('dials a transport after ten minutes if it was not offered', () => {
    const driver = new Driver(resuming).connect().failed('websocket', answered(404)).opened('sse').received()
    driver.hasCursor = true
    driver.lines()
    expect(driver.pass(10 * minute).lines()).toEqual([`${10 * minute} dial websocket`])
  })

  it('gives up a better transport that hangs, and dials it again later', () => {
    const driver = onSse().pass(40_000)
    expect(driver.lines()).toEqual(['30000 dial websocket', '40000 hang-up websocket', '40000 error net.timeout'])
    expect(driver.pass(59_999).lines()).toEqual([])
    expect(driver.pass(1).lines()).toEqual(['100000 dial websocket'])
  })

  it('starts the timeout of a better transport when prepare() has settled', () => {
    const driver = onSse().pass(39_000).prepared('websocket')
    expect(driver.pass(9999).live).toEqual(['sse', 'websocket'])
    expect(driver.pass(1).live).toEqual(['sse'])
  })

  it('happens at the next reconnect in plain mode, once the better transport has rested', () => {
    const driver = onSse({ names: ['websocket', 'sse'] })
      .pass(10_000)
      .failed('sse', ended)
    expect(driver.pass(500).live).toEqual(['sse'])
    driver.opened('sse').received().pass(20_000).failed('sse', ended)
    expect(driver.pass(500).live).toEqual(['websocket'])
  })

  it('from a remembered transport, which is dialled first, starts when the memory expires', () => {
    const driver = new Driver({ ...resuming, remembered: { rank: 1, until: 20 * minute } }).connect()
    expect(driver.live).toEqual(['sse'])
    driver.opened('sse').received().hasCursor = true
    driver.pass(19 * minute).lines()
    expect(driver.pass(minute).lines()).toEqual([`${20 * minute} dial websocket`])
  })
})
