import { describe, expect, it, vi } from 'vitest'
import { BinaryPlaces } from '../../src/server/delivery/frame-batch.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import { promised } from '../support/manual-host.ts'
import { newsOf, ServerBench } from '../support/server-bench.ts'
import { tailOf } from '../support/store-calls.ts'

const subscribing = (...topics: readonly string[]) => ({
  async onSession(session: Session) {
    for (const topic of topics) await session.subscribe(topic)
  },
})

const texts = (news: readonly string[]) => news.filter((each) => /^\d/.test(each))
const frame = (letter: string, news: readonly string[]) =>
  news.filter((each) => each.startsWith(letter)).map((each) => JSON.parse(each.slice(1)))

describe('[SP17] batching', () => {
  it('sends a lone message at once in a frame of its own, and queued messages together in one frame', async () => {
    const bench = new ServerBench({ handlers: subscribing('a', 'b') })
    const { carrier } = await bench.confirmed()
    carrier.frames.length = 0
    await bench.at(0).publish('a', 'line one\nline two')
    await bench.pass(0)
    expect(carrier.frames).toEqual(['m1.1:line one\nline two'])
    carrier.takes = false
    for (const text of ['two', 'three']) await bench.at(0).publish('a', text)
    await bench.at(0).publish('b', 'four')
    const session = await bench.session()
    await session.send('five')
    await bench.pass(0)
    carrier.takes = true
    bench.drain(carrier)
    await promised()
    expect(carrier.frames.slice(1)).toEqual(['M[[0,3,"five"],[1,2,"two","three"],[2,1,"four"]]'])
  })

  it('answers a message in the task that received it if the store is synchronous', async () => {
    const bench = new ServerBench({ isDirect: true, handlers: { onMessage: (session, { data }) => session.send(data) } })
    const { carrier, attachment } = await bench.confirmed()
    carrier.frames.length = 0
    attachment.receive('m1:there and back')
    expect(carrier.frames).toEqual(['m0.1:there and back'])
    await bench.pass(100)
    expect(carrier.frames).toEqual(['m0.1:there and back', 'a1'])
  })

  it('sends the first message of a task at once, and the following ones in one frame', async () => {
    const bench = new ServerBench({ isDirect: true })
    const { carrier } = await bench.confirmed()
    const session = await bench.session()
    carrier.frames.length = 0
    for (const text of ['one', 'two', 'three']) session.send(text)
    expect(carrier.frames).toEqual(['m0.1:one'])
    await bench.pass(0)
    expect(carrier.frames).toEqual(['m0.1:one', 'M[[0,2,"two","three"]]'])
    session.send('four')
    expect(carrier.frames.slice(2)).toEqual(['m0.4:four'])
  })

  it('sends 1,000 messages that are awaited one by one in few frames, and the first of them at once', async () => {
    const bench = new ServerBench({ isDirect: true })
    const { carrier } = await bench.confirmed()
    const session = await bench.session()
    carrier.frames.length = 0
    const sending = (async () => {
      for (let n = 1; n <= 1000; n += 1) await session.send(`message ${n}`)
    })()
    expect(carrier.frames).toEqual(['m0.1:message 1'])
    await sending
    await bench.pass(0)
    expect(newsOf(carrier.frames)).toEqual(Array.from({ length: 1000 }, (_, n) => `0.${n + 1}:message ${n + 1}`))
    expect(carrier.frames.length).toBeLessThan(5)
  })

  it('sends 1,000 publications that are awaited one by one in few frames to each subscriber', async () => {
    const bench = new ServerBench({ isDirect: true, handlers: subscribing('a') })
    const first = await bench.confirmed()
    const second = await bench.confirmed({ session: 'another-session-of-you' })
    for (const { carrier } of [first, second]) carrier.frames.length = 0
    for (let n = 1; n <= 1000; n += 1) await bench.at(0).publish('a', `message ${n}`)
    await bench.pass(0)
    for (const { carrier } of [first, second]) {
      expect(newsOf(carrier.frames)).toEqual(Array.from({ length: 1000 }, (_, n) => `1.${n + 1}:message ${n + 1}`))
      expect(carrier.frames.length).toBeLessThan(5)
    }
  })

  it('delivers the publications made before the session unsubscribed', async () => {
    const bench = new ServerBench({ isDirect: true, handlers: subscribing('a') })
    const { carrier } = await bench.confirmed()
    const session = await bench.session()
    for (const text of ['one', 'two', 'three']) await bench.at(0).publish('a', text)
    await session.unsubscribe('a')
    await bench.pass(0)
    expect(texts(carrier.news)).toEqual(['1.1:one', '1.2:two', '1.3:three'])
  })

  it('does not read a message from the store that it has sent at once', async () => {
    const bench = new ServerBench({ isDirect: true })
    const { carrier } = await bench.confirmed()
    const session = await bench.session()
    const reading = vi.spyOn(bench.store.sessions, 'readAfter')
    await session.send('one')
    await bench.pass(1)
    expect(carrier.news).toEqual(['0.1:one'])
    expect(reading).not.toHaveBeenCalled()
    await Promise.all([session.send('two'), session.send('three'), session.send('four')])
    await bench.pass(1)
    expect(carrier.news).toEqual(['0.1:one', '0.2:two', '0.3:three', '0.4:four'])
    expect(reading).toHaveBeenCalled()
  })

  it('sends nothing at once ahead of older messages, to a full carrier, or from a buffer that may still change', async () => {
    const bench = new ServerBench({ isDirect: true })
    const { carrier } = await bench.confirmed()
    const session = await bench.session()
    carrier.frames.length = 0
    carrier.takes = false
    session.send('one')
    await promised()
    carrier.takes = true
    session.send('two')
    const bytes = Uint8Array.of(7)
    session.send(bytes)
    bytes[0] = 8
    expect(carrier.frames).toEqual([])
    bench.drain(carrier)
    await promised()
    expect(newsOf(carrier.frames)).toEqual(['0.1:one', '0.2:two', '0.3:[7]'])
    session.send(bytes)
    bytes[0] = 9
    expect(carrier.frames).toHaveLength(2)
    await promised()
    expect(newsOf(carrier.frames)).toEqual(['0.1:one', '0.2:two', '0.3:[7]', '0.4:[8]'])
  })

  it('sends no frame over 64 KiB unless it holds a single message', async () => {
    const bench = new ServerBench({ handlers: subscribing('a') })
    const { carrier } = await bench.confirmed()
    carrier.takes = false
    for (let n = 0; n < 100; n += 1) await bench.at(0).publish('a', 'x'.repeat(3000))
    await bench.at(0).publish('a', 'y'.repeat(100_000))
    carrier.frames.length = 0
    carrier.takes = true
    bench.drain(carrier)
    await promised()
    const long = carrier.frames.filter(({ length }) => length > 66_000)
    expect(long.map(({ length }) => length)).toEqual(['m1.101:'.length + 100_000])
    expect(texts(newsOf(carrier.frames)).length).toBe(101)
    expect(carrier.frames.length).toBeLessThan(10)
  })

  it('sends 8 KiB of bytes or more in a frame of their own, right after the frame with their offset', async () => {
    const bench = new ServerBench({ handlers: subscribing('a') })
    const { carrier } = await bench.confirmed()
    carrier.frames.length = 0
    const [small, large] = [new Uint8Array(8191).fill(1), new Uint8Array(8192).fill(2)]
    for (const data of [small, large]) await bench.at(0).publish('a', data)
    await promised()
    expect(carrier.frames).toHaveLength(3)
    expect(carrier.frames[0]).toHaveLength('1.1\n'.length + 8191)
    expect(carrier.frames.slice(1)).toEqual(['B1.2', large])
  })

  it('sends the offset of bare bytes only if the client could not infer it', () => {
    const places = new BinaryPlaces()
    const [large, small] = [new Uint8Array(8192), new Uint8Array(9)]
    const write = (...frames: readonly (string | Uint8Array)[]) => frames.flatMap((each) => places.framesFor(each))
    expect(write(small, 'm1.1:x')).toEqual([small, 'm1.1:x'])
    expect(write('B1.2', large, 'B1.3', 'h{}', large)).toEqual(['B1.2', large, 'h{}', large])
    // After a text of the same stream, for another stream, and after bytes with the offset in their own frame.
    expect(write('m1.4:x', 'B1.5', large, 'B2.6', large)).toEqual(['m1.4:x', 'B1.5', large, 'B2.6', large])
    expect(write(small, small, 'B2.7', large)).toEqual(['B', small, small, 'B2.7', large])
  })

  it('sends bytes in binary frames over a WebSocket and as base64 over an event stream, in order', async () => {
    const bench = new ServerBench({ handlers: subscribing('a') })
    const socket = await bench.confirmed()
    const stream = await bench.attach({ k: 2 }, { medium: 'stream' })
    for (const data of ['one', new Uint8Array([1, 2]), new Uint8Array([7, 3, 7]).subarray(1, 2), 'four'])
      await bench.at(0).publish('a', data)
    await bench.pass(0)
    const expected = ['1.1:one', '1.2:[1,2]', '1.3:[3]', '1.4:four']
    expect(texts(socket.carrier.news)).toEqual(expected)
    expect(texts(stream.carrier.news)).toEqual(expected)
    expect(stream.carrier.frames.every((each) => typeof each === 'string' && /^[^m\r\n][^\r\n]*$/.test(each))).toBe(true)
  })

  it('makes lone surrogates well-formed', async () => {
    const bench = new ServerBench({ handlers: subscribing('a') })
    const { carrier } = await bench.confirmed()
    await bench.at(0).publish('a', 'a\ud800b😀')
    await promised()
    expect(texts(carrier.news)).toEqual(['1.1:a\ufffdb😀'])
  })
})

describe('[SP11] backpressure by position', () => {
  it('writes what it has read when the next read of the store fails, and retries the rest soon', async () => {
    const bench = new ServerBench({ handlers: subscribing('a') })
    const { carrier } = await bench.confirmed()
    carrier.frames.length = 0
    carrier.takes = false
    // More than the node caches of a topic.
    for (let n = 0; n < 3; n += 1) await bench.at(0).publish('a', `${n}`.repeat(40_000))
    await (await bench.session()).send('private')
    await promised()
    carrier.takes = true
    vi.spyOn(bench.store.topics, 'readAfter').mockRejectedValueOnce(new Error('The store fails.'))
    bench.drain(carrier)
    await promised()
    expect(bench.reported.map(String)).toEqual(['Error: The store fails.'])
    expect(texts(carrier.news)).toEqual(['0.2:private'])
    await bench.pass(2000)
    expect(texts(carrier.news).map((text) => text.slice(0, 5))).toEqual(['0.2:p', '1.1:0', '1.2:1', '1.3:2'])
  })

  it('writes nothing to a full carrier, and continues from the log once it drains', async () => {
    const bench = new ServerBench({ handlers: subscribing('a') })
    const slow = await bench.confirmed()
    const fast = await bench.confirmed({ session: 'another-session-of-you' })
    slow.carrier.frames.length = 0
    slow.carrier.takes = false
    for (let n = 1; n <= 3000; n += 1) await bench.at(0).publish('a', `message ${n}`)
    await (await bench.session()).send('private')
    await bench.pass(0)
    expect(slow.carrier.frames).toEqual([])
    expect(texts(fast.carrier.news)).toHaveLength(3000)
    slow.carrier.takes = true
    bench.drain(slow.carrier)
    await promised()
    const all = texts(slow.carrier.news)
    expect(all).toHaveLength(3001)
    expect(all.filter((each) => each.startsWith('1.'))).toEqual(texts(fast.carrier.news))
  })

  it('writes at most one read of the log at a time to a carrier that fills', async () => {
    const bench = new ServerBench({ handlers: subscribing('a') })
    const { carrier } = await bench.confirmed()
    carrier.takes = false
    for (let n = 1; n <= 500; n += 1) await bench.at(0).publish('a', 'x'.repeat(1000))
    await bench.pass(0)
    carrier.frames.length = 0
    carrier.fillsAfter = 1
    carrier.takes = true
    for (let round = 1; texts(newsOf(carrier.frames)).length < 500; round += 1) {
      bench.drain(carrier)
      await promised()
      const length = carrier.frames.reduce((sum, each) => sum + each.length, 0)
      expect(length).toBeLessThanOrEqual(round * 140_000)
      carrier.takes = true
    }
  })
})

describe('[SP3] delivery after a loss in the log', () => {
  it('reports the lost messages in a gap frame before it continues', async () => {
    const bench = new ServerBench({ nodes: 2, handlers: subscribing('a'), store: { maxMessagesPerStream: 1 } })
    const { carrier } = await bench.confirmed()
    await bench.at(0).publish('a', 'one')
    await promised()
    carrier.takes = false
    for (const text of ['two', 'three', 'four']) await bench.at(0).publish('a', text)
    const { epoch } = await tailOf(bench.store.topics, 'a')
    const later = await bench.attach({ k: 2, cursor: `0.1~${carrier.open.epoch},1.1~${epoch}` }, { node: 1 })
    expect(later.carrier.news).toEqual([
      `g${JSON.stringify({ stream: 1, topic: 'a', epoch, after: 1, resumesAt: 4 })}`,
      '1.4:four',
    ])
  })

  it('reports a gap with `after: null` when the topic has a new epoch', async () => {
    const bench = new ServerBench({ handlers: subscribing('a'), store: { maxTopics: 1 } })
    const { carrier } = await bench.confirmed()
    await bench.at(0).publish('a', 'one')
    await promised()
    // There is room for one topic only.
    await bench.store.topics.append('b', 'x')
    await bench.at(0).publish('a', 'anew')
    await promised()
    const { epoch } = await tailOf(bench.store.topics, 'a')
    expect(carrier.news.slice(1)).toEqual([
      '1.1:one',
      `g${JSON.stringify({ stream: 1, topic: 'a', epoch, after: null, resumesAt: 3 })}`,
      // No offset of the lost topic is reused.
      '1.3:anew',
    ])
  })

  it('reports a gap of the private stream, and announces the subscriptions in it again', async () => {
    const bench = new ServerBench({ handlers: subscribing('a', 'b') })
    const first = await bench.confirmed()
    const session = await bench.session()
    for (const text of ['one', 'two', 'three']) await session.send(text)
    const { epoch } = first.carrier.open
    const topic = await tailOf(bench.store.topics, 'b')
    await bench.store.sessions.trim(session.id, 4)
    const { carrier } = await bench.attach({ k: 2, cursor: `0.1~${epoch},1.0~${(await tailOf(bench.store.topics, 'a')).epoch}` })
    expect(carrier.news).toEqual([
      `g${JSON.stringify({ stream: 0, epoch, after: 1, resumesAt: 5 })}`,
      '0.5:three',
      `s${JSON.stringify({ at: 5, stream: 2, topic: 'b', epoch: topic.epoch, from: 0 })}`,
    ])
  })
})

describe('[SP12] subscriptions', () => {
  it('are part of stream 0, and replayed on another node', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const { carrier } = await bench.confirmed()
    const session = await bench.session()
    await session.subscribe('a')
    await session.subscribe('b')
    await session.subscribe('a')
    await bench.at(1).publish('a', 'one')
    await session.unsubscribe('a')
    await bench.at(1).publish('a', 'two')
    await session.subscribe('a')
    await bench.at(1).publish('a', 'three')
    await bench.pass(0)
    expect(carrier.news.map((each) => each.replace(/"epoch":"\w+",/, ''))).toEqual([
      's{"at":1,"stream":1,"topic":"a","from":0}',
      's{"at":2,"stream":2,"topic":"b","from":0}',
      '1.1:one',
      'u{"at":3,"stream":1}',
      's{"at":4,"stream":3,"topic":"a","from":2}',
      '3.3:three',
    ])
    const later = await bench.attach({ k: 2 }, { node: 1 })
    expect(later.carrier.news.map((each) => each.replace(/"epoch":"\w+",/, ''))).toEqual([
      's{"at":1,"stream":1,"topic":"a","from":0}',
      's{"at":2,"stream":2,"topic":"b","from":0}',
      'u{"at":3,"stream":1}',
      's{"at":4,"stream":3,"topic":"a","from":2}',
      '3.3:three',
    ])
  })

  it('continue at the cursor, and from their beginning if the cursor does not name them', async () => {
    const bench = new ServerBench({ nodes: 2, handlers: subscribing('a', 'b') })
    const first = await bench.confirmed()
    for (const topic of ['a', 'b']) for (const text of ['one', 'two']) await bench.at(0).publish(topic, text)
    await promised()
    const { epoch } = await tailOf(bench.store.topics, 'a')
    const cursor = `0.2~${first.carrier.open.epoch},1.1~${epoch}`
    const later = await bench.attach({ k: 2, cursor }, { node: 1 })
    // A client names every stream that it knows: what it does not name has to be announced to it.
    const other = await tailOf(bench.store.topics, 'b')
    const again = { at: 2, stream: 2, topic: 'b', epoch: other.epoch, from: 0 }
    expect(later.carrier.news).toEqual([`s${JSON.stringify(again)}`, '1.2:two', '2.1:one', '2.2:two'])
  })

  it('may be to topics of any name', async () => {
    const bench = new ServerBench()
    const { carrier } = await bench.confirmed()
    const session = await bench.session()
    for (const topic of ['__proto__', 'constructor', 'toString', 'a"b\\c\n']) {
      await session.subscribe(topic)
      await bench.at(0).publish(topic, topic)
    }
    await promised()
    expect(texts(carrier.news)).toEqual(['1.1:__proto__', '2.1:constructor', '3.1:toString', '4.1:a"b\\c\n'])
    expect(frame('s', carrier.news).map(({ topic }) => topic)).toEqual(['__proto__', 'constructor', 'toString', 'a"b\\c\n'])
  })
})

describe('messages that the client has acknowledged', () => {
  it('are removed from the store', async () => {
    const bench = new ServerBench()
    const { carrier, attachment } = await bench.confirmed()
    const session = await bench.session()
    for (const text of ['one', 'two', 'three']) await session.send(text)
    await bench.pass(0)
    const kept = async () =>
      (await bench.store.sessions.readAfter(session.id, 0, { maxMessages: 9, maxBytes: 999 }))?.messages.length
    expect(await kept()).toBe(3)
    attachment.receive(`a0.2~${carrier.open.epoch}`)
    attachment.receive('a0.3~another')
    await promised()
    expect(await kept()).toBe(1)
    // This offset is beyond everything that was sent.
    attachment.receive(`a0.9~${carrier.open.epoch}`)
    await session.send('four')
    await promised()
    expect(texts(carrier.news)).toEqual(['0.1:one', '0.2:two', '0.3:three', '0.4:four'])
  })
})

describe('the answer to a poll', () => {
  it('ends with its first batch', async () => {
    const bench = new ServerBench({ handlers: subscribing('a') })
    const first = await bench.confirmed()
    const cursor = `0.1~${first.carrier.open.epoch},1.0~${(await tailOf(bench.store.topics, 'a')).epoch}`
    const { carrier } = await bench.attach({ k: 2, wait: 10_000, cursor }, { medium: 'answer' })
    expect([carrier.news, carrier.closed]).toEqual([[], null])
    await bench.pass(5000)
    await bench.at(0).publish('a', 'one')
    await promised()
    expect([carrier.news, carrier.closed]).toEqual([['1.1:one'], 'complete'])
  })

  it('ends empty after its wait, and at once without one', async () => {
    const bench = new ServerBench()
    const held = await bench.confirmed({ wait: 10_000 }, { medium: 'answer' })
    await bench.pass(9999)
    expect(held.carrier.closed).toBeNull()
    await bench.pass(1)
    expect([held.carrier.news, held.carrier.closed]).toEqual([[], 'complete'])
    const { carrier } = await bench.attach({ wait: 0 }, { medium: 'answer' })
    expect([carrier.open.resumed, carrier.news, carrier.closed]).toEqual([true, [], 'complete'])
  })

  it('delivers waiting messages before it ends at once', async () => {
    const bench = new ServerBench({ nodes: 2, handlers: subscribing('a') })
    const first = await bench.confirmed()
    await bench.at(0).publish('a', 'one')
    await promised()
    const cursor = `0.1~${first.carrier.open.epoch},1.0~${(await tailOf(bench.store.topics, 'a')).epoch}`
    const { carrier } = await bench.attach({ k: 2, wait: 0, cursor }, { node: 1, medium: 'answer' })
    expect([carrier.news, carrier.closed]).toEqual([['1.1:one'], 'complete'])
  })
})
