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

  it('a better transport is tried after 30 s beside the running one, and moved to', () => {
    const driver = onSse().pass(30_000)
    expect(driver.lines()).toEqual(['30000 dial websocket'])
    expect(driver.pass(100).opened('websocket').lines()).toEqual([
      '30100 hang-up sse',
      '30100 activate websocket',
      '30100 transport sse to websocket',
      '30100 state open',
    ])
  })

  it('again after twice as long each time, up to 10 minutes', () => {
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
    ['where the running one has no cursor that the better one understands', { names: ['websocket', 'sse'] }, true, true],
    ['where there is no cursor yet', resuming, false, true],
    ['while the running one is not proven', resuming, true, false],
  ])('never %s', (_, options, hasCursor, isHeard) => {
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

  it('not to a transport that keeps breaking, and after ten minutes to one that was not offered', () => {
    const driver = new Driver(resuming).connect().failed('websocket', answered(404)).opened('sse').received()
    driver.hasCursor = true
    driver.lines()
    expect(driver.pass(10 * minute).lines()).toEqual([`${10 * minute} dial websocket`])
  })

  it('one that hangs is given up and tried again later', () => {
    const driver = onSse().pass(40_000)
    expect(driver.lines()).toEqual(['30000 dial websocket', '40000 hang-up websocket', '40000 error net.timeout'])
    expect(driver.pass(59_999).lines()).toEqual([])
    expect(driver.pass(1).lines()).toEqual(['100000 dial websocket'])
  })

  it('what is prepared beside the running one has its time from then on', () => {
    const driver = onSse().pass(39_000).prepared('websocket')
    expect(driver.pass(9999).live).toEqual(['sse', 'websocket'])
    expect(driver.pass(1).live).toEqual(['sse'])
  })

  it('in plain mode a better transport comes at the next reconnect, once it has rested', () => {
    const driver = onSse({ names: ['websocket', 'sse'] })
      .pass(10_000)
      .failed('sse', ended)
    expect(driver.pass(500).live).toEqual(['sse'])
    driver.opened('sse').received().pass(20_000).failed('sse', ended)
    expect(driver.pass(500).live).toEqual(['websocket'])
  })

  it('a remembered transport is dialled first until its memory ends', () => {
    const driver = new Driver({ ...resuming, remembered: { rank: 1, until: 20 * minute } }).connect()
    expect(driver.live).toEqual(['sse'])
    driver.opened('sse').received().hasCursor = true
    driver.pass(19 * minute).lines()
    expect(driver.pass(minute).lines()).toEqual([`${20 * minute} dial websocket`])
  })
})
