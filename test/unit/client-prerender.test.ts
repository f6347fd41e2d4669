import { describe, expect, it } from 'vitest'
import { benchOf } from '../support/client-bench.ts'
import { opens, refuses, stalls } from '../support/fake-transport.ts'

const prerendered = { isPrerendering: true, isHidden: true }

describe('a client in a prerendered page', () => {
  it('dials nothing until the page is shown, then connects and sends the queued messages', async () => {
    const bench = benchOf({ websocket: opens(), poll: opens() }, {}, prerendered)
    await bench.pass(0)
    bench.client.send('hello')
    await bench.pass(120_000)
    expect([bench.timeline, bench.client.state.status, bench.transport('websocket').dials.length]).toEqual([[], 'idle', 0])
    bench.signal('visible')
    bench.activate()
    await bench.pass(10)
    expect(bench.timeline.at(-1)).toBe('120010 state open')
    expect(bench.transport('websocket').last.link.written).toEqual(['hello'])
    expect(bench.transport('poll').dials).toEqual([])
    await bench.client.close()
    bench.expectNothingLeft()
  })

  it('stays closed if it was closed before the page is shown', async () => {
    const bench = benchOf({ websocket: opens() }, {}, prerendered)
    await bench.pass(0)
    await bench.client.close()
    bench.activate()
    await bench.pass(1000)
    expect(bench.timeline).toEqual(['0 close 1000, final', '0 state closed'])
    bench.expectNothingLeft()
  })

  it('connects when the page is shown if it was closed and connected again before', async () => {
    const bench = benchOf({ websocket: opens() }, {}, prerendered)
    await bench.pass(0)
    await bench.client.close()
    bench.client.connect()
    await bench.pass(1000)
    expect(bench.transport('websocket').dials).toEqual([])
    bench.activate()
    await bench.pass(10)
    expect(bench.client.state.status).toBe('open')
    await bench.client.close()
    bench.expectNothingLeft()
  })

  it('does not connect when the page is shown if autoConnect is false', async () => {
    const bench = benchOf({ websocket: opens() }, { autoConnect: false }, prerendered)
    bench.activate()
    await bench.pass(1000)
    expect([bench.timeline, bench.listening()]).toEqual([[], 0])
  })
})

describe('the next visit begins with', () => {
  /** What a second client of the same page dials first, after the first one was proven over poll. */
  async function afterPoll(...[servers, options, hostOptions]: Parameters<typeof benchOf>) {
    const storage = new Map<string, string>()
    const first = benchOf({ ...servers, poll: opens() }, options, { ...hostOptions, storage })
    await first.pass(8000)
    first.transport('poll').last.receive('hello')
    expect(first.client.state).toMatchObject({ transport: 'poll', proven: true })
    await first.client.close()
    const next = benchOf({ websocket: stalls(), poll: stalls() }, {}, { storage, now: 8000 })
    await next.pass(0)
    const dialled = [next.transport('websocket').dials.length, next.transport('poll').dials.length]
    await next.client.close()
    return dialled[0] ? 'websocket' : 'poll'
  }

  it.each<[string, Parameters<typeof benchOf>]>([
    ['was refused', [{ websocket: refuses(1006) }]],
    ['was not answered', [{ websocket: stalls() }]],
  ])('poll if the WebSocket %s', async (_, given) => {
    expect(await afterPoll(...given)).toBe('poll')
  })

  it.each<[string, Parameters<typeof benchOf>]>([
    ['was not configured', [{}]],
    ['failed while offline', [{ websocket: refuses(1006) }, {}, { isOnline: false }]],
    ['failed in a hidden page', [{ websocket: refuses(1006) }, {}, { isHidden: true }]],
  ])('the WebSocket if it %s', async (_, given) => {
    expect(await afterPoll(...given)).toBe('websocket')
  })

  it('the event stream if other tabs held all slots', async () => {
    const storage = new Map<string, string>()
    const host = { claim: () => Promise.resolve(null) }
    const first = benchOf({ sse: opens(), poll: opens() }, { host }, { storage })
    await first.pass(20)
    first.transport('poll').last.receive('hello')
    await first.client.close()
    const next = benchOf({ sse: opens(), poll: opens() }, {}, { storage })
    await next.pass(20)
    expect(next.client.state).toMatchObject({ status: 'open', transport: 'sse' })
    await next.client.close()
  })
})
