import { describe, expect, it } from 'vitest'
import { json } from '../../src/client/json.ts'
import { RealtimeClient } from '../../src/index.ts'
import { plain } from '../../src/protocols/plain.ts'
import { benchOf } from '../support/client-bench.ts'
import { closed, FakeTransport, opens, refuses, sequence } from '../support/fake-transport.ts'
import { manualPage } from '../support/manual-host.ts'

async function open(options: Parameters<typeof benchOf>[1] = {}, type = 'websocket') {
  const bench = benchOf({ [type]: opens() }, options)
  await bench.pass(10)
  bench.news()
  return { ...bench, dial: bench.transport(type).last }
}

describe('a message', () => {
  it('carries data, id, name and transport', async () => {
    const { client, dial } = await open({}, 'sse')
    const seen: unknown[] = []
    client.onmessage = ({ data, id, name, transport }) => seen.push([data, id, name, transport])
    dial.receive('a', { id: '7', name: 'news' })
    dial.receive('b')
    expect(seen).toEqual([
      ['a', '7', 'news', 'sse'],
      ['b', '', 'message', 'sse'],
    ])
  })

  it('moves the cursor after its listeners were called', async () => {
    const { client, dial } = await open({}, 'sse')
    const cursors: unknown[] = []
    client.onmessage = () => cursors.push(dial.call.cursor())
    dial.receive('a', { cursor: '1' })
    dial.receive('b', { cursor: '2' })
    expect([...cursors, dial.call.cursor()]).toEqual([null, '1', '2'])
  })

  it('that the codec cannot decode raises an error, and the next one is delivered', async () => {
    const page = manualPage()
    const transport = new FakeTransport('websocket', opens())
    const client = new RealtimeClient('https://api.example', {
      transports: [transport],
      codec: json<{ readonly n: number }, readonly number[]>(),
      host: page.host,
    })
    const seen: unknown[] = []
    client.onmessage = ({ data }) => seen.push(data.n)
    client.onerror = ({ diagnosis }) => seen.push(diagnosis.cause)
    client.send([1, 2])
    await page.pass(10)
    transport.last.receive('{"n":1}')
    transport.last.receive('{')
    transport.last.receive('{"n":2}')
    expect(seen).toEqual([1, 'client.unreadable', 2])
    expect(transport.last.link.written).toEqual(['[1,2]'])
    expect(client.state.status).toBe('open')
    void client.close()
  })

  it('that the protocol cannot read raises an error as well', async () => {
    const readFrame = () => {
      throw new Error('mistake')
    }
    const { dial, news } = await open({ protocol: { ...plain(), readFrame } })
    expect(dial.call.protocol.readFrame('x')).toEqual([])
    expect(news()).toEqual(['10 error client.unreadable'])
  })
})

describe('for await', () => {
  it('yields the messages, and ends when the client is closed', async () => {
    const { client, dial } = await open()
    const seen: unknown[] = []
    const read = (async () => {
      for await (const { data } of client) seen.push(data)
    })()
    dial.receive('a')
    dial.receive('b')
    await client.close()
    await read
    expect(seen).toEqual(['a', 'b'])
  })

  it('yields each message to every one of several iterators', async () => {
    const { client, dial } = await open()
    const [one, other] = [client[Symbol.asyncIterator](), client[Symbol.asyncIterator]()]
    dial.receive('a')
    expect((await one.next()).value?.data).toBe('a')
    expect((await other.next()).value?.data).toBe('a')
  })

  it('continues after a reconnect', async () => {
    const { client, dial, pass, transport } = await open()
    const messages = client[Symbol.asyncIterator]()
    dial.fail(closed(1006))
    await pass(1000)
    transport('websocket').last.receive('after')
    expect((await messages.next()).value?.data).toBe('after')
  })

  it('throws a RangeError after 1,000 unread messages, and listeners still get all of them', async () => {
    const { client, dial, timeline } = await open()
    const messages = client[Symbol.asyncIterator]()
    for (let n = 0; n < 1001; n += 1) dial.receive(`${n}`)
    for (let n = 0; n < 1000; n += 1) await messages.next()
    await expect(messages.next()).rejects.toThrow(RangeError)
    expect(timeline.filter((line) => line.includes('message'))).toHaveLength(1001)
  })

  it('over a closed client ends at once', async () => {
    const { client } = await open()
    await client.close()
    expect(await client[Symbol.asyncIterator]().next()).toEqual({ value: undefined, done: true })
  })
})

describe('send()', () => {
  it('accepts strings, buffers, views and blobs', async () => {
    const { client, dial } = await open()
    const blob = new Blob(['x'])
    const bytes = new Uint8Array([1, 2, 3, 4])
    for (const data of ['text', bytes.buffer, bytes.subarray(1, 3), new DataView(bytes.buffer, 3), blob]) client.send(data)
    expect(dial.link.written).toEqual(['text', bytes.buffer, new Uint8Array([2, 3]).buffer, new Uint8Array([4]).buffer, blob])
  })

  it('copies bytes when it is called', async () => {
    const { client, pass, transport } = benchOf({ websocket: opens() })
    const bytes = new Uint8Array([1])
    client.send(bytes)
    client.send(bytes.buffer)
    bytes[0] = 2
    await pass(10)
    expect(transport('websocket').last.link.written).toEqual([new Uint8Array([1]).buffer, new Uint8Array([1]).buffer])
  })

  it.each([[{}], [null], [undefined], [5], [[]], [new Date(0)]])('throws for %j, and recommends a codec', async (data) => {
    const { client } = benchOf({ websocket: opens() }, { autoConnect: false })
    expect(() => client.send(data as never)).toThrow(TypeError)
    expect(() => client.send(data as never)).toThrow(/codec/)
  })

  it('reports messages that the outbox drops, and messages that expire', async () => {
    const outbox = { maxMessages: 1, overflow: 'drop-oldest', ttlMs: 1000 } as const
    const { client, pass, timeline } = benchOf({ websocket: opens() }, { outbox, autoConnect: false })
    client.send('a')
    client.send('b')
    await pass(1000)
    expect(timeline).toEqual(['0 error client.outbox_full, undelivered a', '1000 error client.expired, undelivered b'])
  })

  it('reports a message as undelivered if the server refuses its POST', async () => {
    const { client, dial, news, pass } = await open({}, 'sse')
    client.send('a')
    const { link } = dial
    if (!('posts' in link)) throw new Error('no posts')
    link.answer('refused', 413)
    await pass(0)
    expect(news()).toEqual(['10 error http.413, undelivered a'])
  })

  it('has written the queued messages when flushed() resolves', async () => {
    const { client, pass } = benchOf({ websocket: opens() })
    client.send('a')
    let isFlushed = false
    void client.flushed().then(() => {
      isFlushed = true
    })
    await pass(9)
    expect(isFlushed).toBe(false)
    await pass(1)
    expect(isFlushed).toBe(true)
  })
})

describe('a promotion', () => {
  it('delivers a message once though it arrives over both the old and the new transport', async () => {
    const protocol = { ...plain(), resumes: () => true }
    const servers = { websocket: sequence(refuses(1006), opens(1000)), sse: opens() }
    const { news, pass, transport } = benchOf(servers, { protocol })
    await pass(20)
    transport('sse').last.receive('a', { cursor: '1' })
    await pass(30_000)
    expect(transport('websocket').last.call.cursor()).toBe('1')
    transport('sse').last.receive('b', { cursor: '2' })
    news()
    await pass(1000)
    transport('websocket').last.receive('b', { cursor: '2' })
    transport('websocket').last.receive('c', { cursor: '3' })
    expect(news()).toEqual(['31020 transport sse to websocket', '31020 state open', '31020 state open proven', '31020 message c'])
    expect(transport('sse').last.isHungUp).toBe(true)
  })
})
