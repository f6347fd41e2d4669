import { describe, expect, it } from 'vitest'
import type { EventType } from '../../src/api/events.ts'
import { benchOf } from '../support/client-bench.ts'
import { opens, opensThenDrops, refuses, sequence } from '../support/fake-transport.ts'
import { expectNoUnhandledRejections } from '../support/unhandled-rejections.ts'

expectNoUnhandledRejections()

describe('listeners', () => {
  it('that throw are reported, and the client works on', async () => {
    const { client, pass, timeline, reported, transport } = benchOf({ websocket: opensThenDrops(1006, 10), sse: opens() })
    const types: readonly EventType[] = ['open', 'message', 'error', 'close', 'state']
    for (const type of types) {
      client.addEventListener(type, () => {
        throw type
      })
    }
    await pass(15)
    transport('websocket').last.receive('x')
    await pass(600)
    expect(new Set(reported)).toEqual(new Set(types))
    expect(timeline.filter((line) => /^\d+ (open|close) /.test(line))).toHaveLength(5)
  })

  it('of events that do not exist are refused by on() and once(), which name those that do', () => {
    const { client } = benchOf({ websocket: opens() })
    const all = 'open, message, error, close, transport, gap, state, diagnosis, *'
    for (const name of ['connect', 'Open', 'constructor', ''])
      for (const method of ['on', 'once'] as const)
        expect(() => client[method](name as never, () => {})).toThrow(
          new TypeError(`RealtimeClient: unknown event '${name}'; there are ${all}.`),
        )
    for (const name of all.split(', ')) client.on(name as EventType, () => {})()
    client.addEventListener('connect' as never, () => {})
  })

  it('in a handler property that are no functions are ignored, as by an EventTarget', async () => {
    const { client, pass, reported } = benchOf({ websocket: opens() })
    for (const handler of ['x', 5, {}, { handleEvent() {} }]) Object.assign(client, { onopen: handler, onstate: handler })
    await pass(15)
    expect([client.state.status, reported]).toEqual(['open', []])
  })

  it('that call close() on "open" get all events in order, and nothing is left running', async () => {
    const bench = benchOf({ websocket: opens() })
    bench.client.addEventListener('open', () => void bench.client.close())
    await bench.pass(10)
    expect(bench.timeline.slice(1)).toEqual([
      '10 open websocket, attempt 0, took 10',
      '10 state open',
      '10 close 1000, final',
      '10 state closed',
    ])
    await bench.pass(20)
    bench.expectNothingLeft()
  })

  it.each(['error', 'close', 'state'] as const)('that call close() on "%s" leave no retry behind', async (type) => {
    const bench = benchOf({ websocket: opensThenDrops(1006, 10) })
    await bench.pass(15)
    bench.client.addEventListener(type, () => void bench.client.close())
    await bench.pass(5000)
    expect(bench.client.state.status).toBe('closed')
    bench.expectNothingLeft()
  })

  it('that call close() on "message" get no further message', async () => {
    const { client, pass, timeline, transport } = benchOf({ websocket: opens() })
    client.addEventListener('message', () => void client.close())
    await pass(10)
    const dial = transport('websocket').last
    dial.receive('one')
    dial.receive('two')
    expect(timeline.filter((line) => line.includes('message'))).toEqual(['10 message one'])
  })

  it('that call send() on "open" send after the queued messages', async () => {
    const { client, pass, transport } = benchOf({ websocket: opens() })
    client.send('first')
    client.addEventListener('open', () => client.send('second'))
    await pass(10)
    expect(transport('websocket').last.link.written).toEqual(['first', 'second'])
  })

  it('that call send() after close() get an error', async () => {
    const { client, pass } = benchOf({ websocket: opens() })
    let error: unknown
    client.addEventListener('open', () => {
      void client.close()
      try {
        client.send('lost')
      } catch (thrown) {
        error = thrown
      }
    })
    await pass(10)
    expect(String(error)).toMatch(/closed/)
  })

  it('that call connect() on a final "close" restart the client', async () => {
    const { client, pass } = benchOf({ sse: sequence(refuses(401), opens()) })
    client.addEventListener('close', ({ final }) => final && client.connect())
    await pass(100)
    expect(client.state.status).toBe('open')
  })
})

describe('ways to listen', () => {
  it('addEventListener() supports `once` and `signal`', async () => {
    const { client, pass, transport } = benchOf({ websocket: opens() })
    const seen: string[] = []
    const controller = new AbortController()
    client.addEventListener('message', ({ data }) => seen.push(`once ${data}`), { once: true })
    client.addEventListener('message', ({ data }) => seen.push(`signal ${data}`), { signal: controller.signal })
    client.addEventListener('message', () => seen.push('never'), { signal: AbortSignal.abort() })
    await pass(10)
    transport('websocket').last.receive('1')
    controller.abort()
    transport('websocket').last.receive('2')
    expect(seen).toEqual(['once 1', 'signal 1'])
  })

  it('on() returns a function that removes the listener, as removeEventListener() does', async () => {
    const { client, pass, transport } = benchOf({ websocket: opens() })
    const seen: string[] = []
    const stop = client.on('message', ({ data }) => seen.push(`on ${data}`))
    const listener = { handleEvent: ({ data }: { readonly data: unknown }) => void seen.push(`object ${data}`) }
    client.addEventListener('message', listener)
    await pass(10)
    transport('websocket').last.receive('1')
    stop()
    client.removeEventListener('message', listener)
    transport('websocket').last.receive('2')
    expect(seen).toEqual(['on 1', 'object 1'])
  })

  it('that are functions have the client as `this`, as handler properties have', async () => {
    const { client, pass, transport } = benchOf({ websocket: opens() })
    const seen: unknown[] = []
    function listener(this: unknown) {
      seen.push(this)
    }
    client.addEventListener('message', listener)
    client.addEventListener('*', listener)
    client.once('open', listener)
    client.onmessage = listener
    const own = { handleEvent: listener }
    client.on('message', own)
    await pass(10)
    seen.length = 0
    transport('websocket').last.receive('1')
    expect(new Set(seen)).toEqual(new Set([client, own]))
    expect(seen.filter((each) => each === own)).toHaveLength(1)
  })

  it('handler properties are called for every event, with the client as its target', async () => {
    const { client, pass, transport } = benchOf({ websocket: opensThenDrops(1006, 10) })
    const seen: string[] = []
    const note = ({ type, target }: { readonly type: string; readonly target: unknown }) =>
      void seen.push(type + (target === client ? '' : ' of another'))
    Object.assign(client, { onopen: note, onmessage: note, onerror: note, onclose: note, ontransport: note, onstate: note })
    await pass(15)
    transport('websocket').last.receive('x')
    await pass(5)
    expect(seen).toEqual(['state', 'open', 'state', 'state', 'message', 'error', 'close', 'state'])
    client.onmessage = null
    client.onstate = null
  })
})

describe('the signal option', () => {
  it('closes the client when it is aborted', async () => {
    const controller = new AbortController()
    const bench = benchOf({ websocket: opens() }, { signal: controller.signal })
    await bench.pass(10)
    controller.abort()
    await bench.pass(20)
    expect(bench.client.state.status).toBe('closed')
    bench.expectNothingLeft()
    expect(() => bench.client.connect()).toThrow(/aborted/)
  })

  it('aborted beforehand prevents any dial', async () => {
    const { pass, transport } = benchOf({ websocket: opens() }, { signal: AbortSignal.abort() })
    await pass(100)
    expect(transport('websocket').dials).toEqual([])
  })

  it('aborted in the same task prevents any dial, without an unhandled rejection', async () => {
    const controller = new AbortController()
    const { pass, transport } = benchOf({ websocket: opens() }, { signal: controller.signal })
    controller.abort()
    await pass(100)
    expect(transport('websocket').dials).toEqual([])
  })

  it('has no effect once the client has ended', async () => {
    const controller = new AbortController()
    const { client, pass } = benchOf({ websocket: opens() }, { signal: controller.signal })
    await pass(10)
    await client.close()
    controller.abort()
    expect(client.state).toMatchObject({ status: 'closed', code: 1000 })
  })

  it('closes the client also after a listener has reconnected it', async () => {
    const controller = new AbortController()
    const { client, pass } = benchOf({ sse: sequence(refuses(401), opens()) }, { signal: controller.signal })
    client.addEventListener('close', ({ diagnosis }) => diagnosis && client.connect())
    await pass(100)
    expect(client.state.status).toBe('open')
    controller.abort()
    expect(client.state.status).toBe('closed')
  })
})
