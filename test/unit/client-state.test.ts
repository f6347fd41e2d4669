import { describe, expect, it } from 'vitest'
import { benchOf } from '../support/client-bench.ts'
import { opens, opensThenDrops, refuses, sequence } from '../support/fake-transport.ts'

describe('client.state', () => {
  it('is the same frozen object until something changes, and the one that events carry', async () => {
    const { client, pass, transport } = benchOf({ websocket: sequence(opensThenDrops(1006, 6000), refuses(503), opens()) })
    const idle = client.state
    expect(client.state).toBe(idle)
    const seen: unknown[] = [idle]
    client.on('state', ({ state, previous, target }) => {
      expect(target).toBe(client)
      expect(previous).toBe(seen.at(-1))
      expect(state).toBe(client.state)
      seen.push(state)
    })
    client.on('*', () => expect(client.state).toBe(client.state))
    await pass(20)
    const open = client.state
    transport('websocket').last.hear()
    expect(client.state).toBe(open)
    await pass(20_000)
    expect(seen.length).toBeGreaterThan(5)
    await client.close()
    expect(client.state).toBe(seen.at(-1))
    const isFrozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen))
    expect(seen.every(isFrozen)).toBe(true)
    expect(new Set(seen).size).toBe(seen.length)
  })

  it('raises one "state" event for each visible change', async () => {
    const { client, pass, timeline } = benchOf({ websocket: opens() })
    const texts: string[] = []
    client.on('state', ({ state, previous }) => {
      expect(state).not.toEqual(previous)
      texts.push(state.status)
    })
    await pass(60_000)
    client.send('x')
    await pass(1000)
    expect(texts).toEqual(['connecting', 'open', 'open'])
    expect(timeline.filter((line) => line.includes('state open'))).toEqual(['10 state open', '5010 state open proven'])
  })

  it('has already changed when the "error" event is raised', async () => {
    const { client, pass } = benchOf({ websocket: refuses(503) })
    const seen: string[] = []
    client.on('error', () => seen.push(client.state.status))
    await pass(15)
    expect(seen).toEqual(['waiting'])
  })
})

describe('reconnect()', () => {
  it('replaces an open connection, with a "close" event and without an "error" event', async () => {
    const { client, pass, news, transport } = benchOf({ websocket: opens() })
    await pass(20)
    news()
    client.reconnect()
    await pass(20)
    expect(transport('websocket').dials.map(({ isHungUp }) => isHungUp)).toEqual([true, false])
    expect(news()).toEqual([
      '20 close 1000, again at 20',
      '20 state connecting websocket',
      '30 open websocket, attempt 0, took 10',
      '30 state open',
    ])
  })

  it('calls prepare() again, and does not wait for the next retry', async () => {
    let calls = 0
    const bench = benchOf(
      { websocket: sequence(refuses(503), refuses(503), opens()) },
      {
        retry: () => 60_000,
        prepare: () => {
          calls += 1
          return undefined
        },
      },
    )
    await bench.pass(20)
    expect(bench.client.state).toMatchObject({ status: 'waiting', retry: { attempt: 1 } })
    bench.client.reconnect()
    await bench.pass(20)
    bench.client.reconnect()
    await bench.pass(20)
    expect([calls, bench.client.state.status]).toEqual([3, 'open'])
  })

  it('starts over while the client is connecting, after close(), and before the first connect()', async () => {
    const { client, pass, transport } = benchOf({ websocket: opens() }, { autoConnect: false })
    client.reconnect()
    client.reconnect()
    await pass(20)
    expect(transport('websocket').dials.map(({ isHungUp }) => isHungUp)).toEqual([true, false])
    await client.close()
    client.reconnect()
    await pass(20)
    expect(client.state.status).toBe('open')
  })

  it('reports messages in the socket buffer as unconfirmed', async () => {
    const { client, pass, news, transport } = benchOf({ websocket: opens() })
    await pass(20)
    client.send('x')
    Object.assign(transport('websocket').last.link, { bufferedBytes: () => 1 })
    news()
    const errors: unknown[] = []
    client.on('error', ({ scope, diagnosis, unconfirmed }) => errors.push([scope, diagnosis.cause, unconfirmed]))
    client.reconnect()
    expect(errors).toEqual([['message', 'client.reconnect', ['x']]])
  })
})

describe('the scope of an error', () => {
  it.each<[string, () => Promise<unknown>]>([
    [
      'connection',
      async () => {
        const { client, pass } = benchOf({ websocket: opensThenDrops(1006, 10) })
        const scopes: unknown[] = []
        client.on('error', ({ scope }) => scopes.push(scope))
        await pass(30)
        return scopes
      },
    ],
    [
      'message',
      async () => {
        const { client, pass } = benchOf({ websocket: refuses(503) }, { outbox: { ttlMs: 5 } })
        const scopes: unknown[] = []
        client.send('x')
        client.on('error', ({ scope, undelivered }) => undelivered && scopes.push(scope))
        await pass(30)
        return scopes
      },
    ],
  ])('is %s', async (scope, scopes) => {
    expect(await scopes()).toEqual([scope])
  })

  it('is message if a received message cannot be decoded', async () => {
    const codec = { encode: String, decode: JSON.parse }
    const { client, pass, transport } = benchOf({ websocket: opens() }, { codec })
    const scopes: unknown[] = []
    client.on('error', ({ scope, diagnosis }) => scopes.push([scope, diagnosis.cause]))
    await pass(20)
    transport('websocket').last.receive('{')
    expect(scopes).toEqual([['message', 'client.unreadable']])
  })
})
