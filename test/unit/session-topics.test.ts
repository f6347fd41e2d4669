import { describe, expect, it } from 'vitest'
import type { Topic, TopicOptions } from '../../src/api/calls.ts'
import type { EventDetails } from '../../src/api/events.ts'
import type { PendingCall } from '../../src/sending/pending-call.ts'
import { StreamCursors } from '../../src/session/stream-cursors.ts'
import { Topics } from '../../src/session/topics.ts'
import type { ClientCall } from '../../src/wire/calls.ts'
import { manualPage, promised } from '../support/manual-host.ts'

interface Sent {
  readonly call: ClientCall
  readonly pending: PendingCall | undefined
}

type Listeners = { [Type in 'message' | 'gap' | 'open' | 'close']?: (event: EventDetails<unknown>[Type]) => void }

/** The topics of a page whose session is the test. */
function topicsBench() {
  const page = manualPage()
  const streams = new StreamCursors()
  const sent: Sent[] = []
  const listeners: Listeners = {}
  let isClosed = false
  const topics = new Topics<unknown, string>(
    {
      host: page.host,
      encode: (data) => data,
      decode: (data) => data,
      isClosed: () => isClosed,
      handler: () => null,
      on: (type, listener) => Object.assign(listeners, { [type]: listener }),
    },
    {
      streams,
      call: () => new Promise(() => {}),
      send: (call, pending) => void sent.push({ call, pending }),
      leave() {},
    },
  )
  const bench = {
    page,
    streams,
    sent,
    topics,
    /** The calls since the last time. */
    calls: () => sent.splice(0),
    subscribe(name: string, options: TopicOptions = {}) {
      const topic = topics.subscribe(name, options)
      return { topic, log: logOf(topic) }
    },
    /** The server answers the last call that is a `subscribe`. */
    answer(stream: number, epoch: string, from: number, topic = 't') {
      const [last] = bench.calls().slice(-1)
      streams.begin(stream, epoch, topic, from)
      last?.pending?.answered({ type: 'reply', value: { epoch, from, at: from, tail: from } })
    },
    message(stream: number, offset: number, data: unknown) {
      const topic = streams.get(stream)?.topic ?? ''
      listeners.message?.({ data, id: `${stream}.${offset}`, topic } as EventDetails<unknown>['message'])
      streams.move(stream, offset)
    },
    end(topic = 't') {
      streams.clear()
      topics.unsubscribed(topic)
    },
    gap: (topic: string) => listeners.gap?.({ topic, after: 1, resumesAt: 9 } as EventDetails<unknown>['gap']),
    lostSession() {
      streams.clear()
      listeners.open?.({ resumed: false } as EventDetails<unknown>['open'])
    },
    close() {
      isClosed = true
      listeners.close?.({ final: true } as EventDetails<unknown>['close'])
    },
    reopen() {
      isClosed = false
      bench.lostSession()
    },
  }
  return bench
}

function logOf(topic: Topic<unknown, string>): unknown[] {
  const log: unknown[] = []
  topic.on('message', ({ data }) => log.push(data))
  topic.on('gap', ({ after, resumesAt }) => log.push({ gap: [after, resumesAt] }))
  topic.on('state', ({ state }) => log.push(state))
  topic.on('error', ({ error }) => log.push(`${error.code}: ${error.message}`))
  return log
}

const typesOf = (calls: readonly Sent[]) => calls.map(({ call }) => call.type)

describe('[SP22] params()', () => {
  it('is called again after pauses that grow while it throws, and the topic says so', async () => {
    const { page, ...bench } = topicsBench()
    let isDown = true
    let count = 0
    const params = async () => {
      count += 1
      if (isDown) throw new TypeError('fetch failed')
      return { token: count }
    }
    const { topic, log } = bench.subscribe('t', { params })
    const at: number[] = []
    for (let seen = 0; page.clock.now() < 200_000; await page.pass(100)) {
      if (count > seen) at.push(page.clock.now())
      seen = count
    }
    const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0))
    expect(pauses.slice(0, 5).every((pause, index) => pause >= 250 * 2 ** index && pause <= 500 * 2 ** index + 200)).toBe(true)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(30_200)
    expect(new Set(log)).toEqual(new Set(['unprepared: params() threw: fetch failed']))
    expect([topic.state, topic.error?.code, page.reported.length]).toEqual(['subscribing', 'unprepared', 1])
    page.reported.length = 0
    isDown = false
    await page.pass(30_000)
    const [asked] = bench.sent
    expect(asked?.call).toMatchObject({ type: 'subscribe', params: { token: count } })
    log.length = 0
    bench.answer(1, 'e', 0)
    expect([log, topic.state, topic.error]).toEqual([['subscribed'], 'subscribed', null])
    expect(page.clock.pending).toBe(0)
  })

  it('that fails when the subscription is renewed does not end the topic, which misses nothing', async () => {
    const { page, ...bench } = topicsBench()
    let isDown = false
    const params = () => {
      if (isDown) throw new Error('no token')
      return 'token'
    }
    const { topic, log } = bench.subscribe('t', { params })
    await promised()
    bench.answer(1, 'e', 0)
    bench.message(1, 1, 'a')
    isDown = true
    bench.streams.clear()
    bench.topics.unsubscribed('t')
    await page.pass(1000)
    expect([log, topic.state, bench.calls()]).toEqual([
      ['subscribed', 'a', 'subscribing', ...log.slice(3).map(() => 'unprepared: params() threw: no token')],
      'subscribing',
      [],
    ])
    isDown = false
    await page.pass(2000)
    expect(bench.sent.map(({ call }) => call)).toEqual([
      { type: 'subscribe', topic: 't', since: undefined, after: { epoch: 'e', offset: 1 }, params: 'token' },
    ])
    bench.answer(2, 'e', 1)
    expect([topic.state, topic.error]).toEqual(['subscribed', null])
    page.reported.length = 0
  })

  it('that never settles is given up after 10 s and called again, and does not hold up a later use of the topic', async () => {
    const { page, ...bench } = topicsBench()
    const { topic, log } = bench.subscribe('t', { params: () => new Promise(() => {}) })
    await page.pass(9_999)
    expect(log).toEqual([])
    await page.pass(1)
    expect([log, topic.state]).toEqual([['unprepared: params() did not settle within 10000 ms'], 'subscribing'])
    bench.subscribe('t', { params: () => 'another' })
    await page.pass(10_500)
    expect(bench.calls().map(({ call }) => call)).toMatchObject([{ type: 'subscribe', params: 'another' }])
    expect(page.reported).toEqual([])
  })

  it('leaves no timer if the topic is unsubscribed in its own error event', async () => {
    const { page, ...bench } = topicsBench()
    const { topic } = bench.subscribe('t', { params: () => Promise.reject(new Error('no token')) })
    topic.on('error', () => topic.unsubscribe())
    await page.pass(0)
    await promised()
    expect([topic.state, page.clock.pending]).toEqual(['ended', 0])
    page.reported.length = 0
  })

  it('of a use that has ended is not called for another use, which begins in the same task', async () => {
    const { page, ...bench } = topicsBench()
    bench.subscribe('t', { params: () => new Promise(() => {}) }).topic.unsubscribe()
    bench.subscribe('t')
    await page.pass(10_500)
    expect(bench.calls().map(({ call }) => call)).toMatchObject([{ type: 'subscribe', params: undefined }])
  })

  it.each([0, 12_000])('is not awaited any more once the topic is unsubscribed, after %i ms', async (ms) => {
    const { page, ...bench } = topicsBench()
    const { topic } = bench.subscribe('t', { params: () => new Promise(() => {}) })
    await page.pass(ms)
    topic.unsubscribe()
    await promised()
    expect(page.clock.pending).toBe(0)
    const again = bench.subscribe('t')
    expect(typesOf(bench.calls())).toEqual(['subscribe'])
    expect(again.topic.state).toBe('subscribing')
    await page.pass(60_000)
    expect(bench.calls()).toEqual([])
  })

  it('is not awaited while the client is closed, and is called again when it is opened', async () => {
    const { page, ...bench } = topicsBench()
    let count = 0
    const { topic } = bench.subscribe('t', {
      params: () => {
        count += 1
        return count === 1 ? new Promise(() => {}) : count
      },
    })
    await promised()
    bench.close()
    await promised()
    expect([topic.state, page.clock.pending]).toEqual(['ended', 0])
    bench.reopen()
    await promised()
    expect(bench.calls().map(({ call }) => call)).toMatchObject([{ type: 'subscribe', params: 2 }])
  })

  it('that fails beside a subscription in force leaves its state', async () => {
    const { page, ...bench } = topicsBench()
    const { topic, log } = bench.subscribe('t')
    bench.answer(1, 'e', 0)
    bench.subscribe('t', {
      since: 'start',
      params: () => {
        throw new Error('no token')
      },
    })
    await promised()
    expect([topic.state, log]).toEqual(['subscribed', ['subscribed', 'unprepared: params() threw: no token']])
    page.reported.length = 0
  })
})

describe('[SP22] a topic that begins anew', () => {
  it.each(['after', 'before and after'])('raises a gap; its messages come %s the answer to this page', async (order) => {
    const bench = topicsBench()
    const { log, topic } = bench.subscribe('t')
    const ids: string[] = []
    const marks: unknown[] = []
    topic.on('message', ({ id, afterGap }) => {
      ids.push(id)
      marks.push(afterGap)
    })
    bench.answer(1, 'old', 0)
    bench.message(1, 1, 'one')
    bench.lostSession()
    const [asked] = bench.calls()
    if (order === 'before and after') {
      // The stream for which another tab has asked; that of this page replaces it, and repeats its messages.
      bench.streams.begin(2, 'new', 't', 0)
      bench.message(2, 1, 'two')
    }
    bench.streams.begin(3, 'new', 't', 0)
    asked?.pending?.answered({ type: 'reply', value: { epoch: 'new', from: 0, at: 0, tail: 0 } })
    bench.message(3, 1, 'two')
    bench.message(3, 2, 'three')
    const events = ['subscribed', 'one', { gap: [null, 1] }, 'two', 'three']
    expect(log).toEqual(events)
    expect(ids).toEqual(['old.1', 'new.1', 'new.2'])
    expect(marks).toEqual([undefined, true, undefined])
  })
})

describe('[SP22] a use with `since` begins there when a closed client is opened again', () => {
  it.each(['made while it was closed', 'unanswered when it was closed'])('if it was %s', (when) => {
    const bench = topicsBench()
    if (when === 'made while it was closed') bench.close()
    const live = bench.subscribe('t')
    const { log } = bench.subscribe('t', { since: 1 })
    bench.close()
    for (const { pending } of bench.calls()) pending?.lost?.('closed')
    bench.reopen()
    const asked = bench.calls().filter(({ call }) => 'topic' in call && call.topic === 't')
    expect(asked.map(({ call }) => call)).toMatchObject([{ type: 'subscribe', since: 1 }])
    bench.streams.begin(1, 'e', 't', 1)
    asked[0]?.pending?.answered({ type: 'reply', value: { epoch: 'e', from: 1, at: 1, tail: 2 } })
    bench.message(1, 2, 'two')
    bench.message(1, 3, 'three')
    expect(log.slice(-3)).toEqual(['subscribed', 'two', 'three'])
    expect(live.log.slice(-2)).toEqual(['subscribed', 'three'])
  })

  it('while the others continue where they were', () => {
    const bench = topicsBench()
    bench.subscribe('t')
    bench.answer(1, 'e', 4)
    bench.message(1, 5, 'five')
    bench.close()
    bench.subscribe('t', { since: 'start' })
    bench.reopen()
    const asked = bench.calls().map(({ call }) => call)
    expect(asked).toMatchObject([
      { type: 'subscribe', since: 5, after: { offset: 5 } },
      { type: 'subscribe', since: 'start' },
    ])
  })
})

describe('[SP22] a subscription that another one has replaced', () => {
  /** Its first message has arrived, and the one that follows begins at this offset. */
  function replacedFrom(offset: number) {
    const bench = topicsBench()
    const { log } = bench.subscribe('t')
    bench.answer(1, 'e', 0)
    bench.message(1, 1, 'one')
    bench.end()
    bench.streams.begin(2, 'e', 't', offset)
    return { bench, log }
  }

  it.each([
    ['with a message', 1],
    ['without one', 0],
  ])('that begins later, %s, is replaced by one that lacks nothing', async (_, messages) => {
    const { bench, log } = replacedFrom(2)
    if (messages) bench.message(2, 3, 'three')
    await bench.page.pass(300)
    const [asked, ...others] = bench.calls()
    expect(asked?.call).toMatchObject({ type: 'subscribe', topic: 't', since: 1 })
    expect(others).toEqual([])
    bench.streams.begin(3, 'e', 't', 1)
    asked?.pending?.answered({ type: 'reply', value: { epoch: 'e', from: 1, at: 1, tail: 2 + messages } })
    for (const [index, text] of ['two', 'three'].entries()) bench.message(3, index + 2, text)
    expect(log.filter((each) => each !== 'subscribed')).toEqual(['one', 'two', 'three'])
  })

  it('that begins where the one before has ended is read on', async () => {
    const { bench, log } = replacedFrom(1)
    bench.message(2, 2, 'two')
    await bench.page.pass(300)
    // Offsets of a log with holes (Kafka).
    bench.message(2, 5, 'five')
    await bench.page.pass(300)
    expect(bench.calls()).toEqual([])
    expect(log).toEqual(['subscribed', 'one', 'two', 'five'])
  })
})

describe('[SP22] listeners', () => {
  it('have the topic as `this`, and those of its presence the presence', async () => {
    const bench = topicsBench()
    const { topic } = bench.subscribe('t')
    await promised()
    const seen: unknown[] = []
    function listener(this: unknown) {
      seen.push(this)
    }
    topic.on('message', listener)
    topic.on('state', listener)
    topic.presence.on('change', listener)
    bench.answer(1, 'e', 0)
    bench.message(1, 1, 'a')
    expect(seen.map((each) => each === topic)).toEqual([true, true])
    void topic.presence.members
    const asked = bench.calls().find(({ call }) => call.type === 'members')
    asked?.pending?.answered({ type: 'reply', value: [] })
    expect(seen.slice(2).map((each) => each === topic.presence)).toEqual([true])
  })
})

describe('[SP22] presence', () => {
  const members = (bench: Pick<ReturnType<typeof topicsBench>, 'calls'>, ...ids: readonly string[]) => {
    const [last] = bench.calls()
    last?.pending?.answered({ type: 'reply', value: ids.map((id) => ({ id, info: id })) })
    return last?.call
  }

  it('requests the members again after a gap of their joins and leaves', () => {
    const bench = topicsBench()
    const { topic } = bench.subscribe('t')
    bench.answer(1, 'e', 0)
    bench.gap('presence:t')
    expect(bench.calls(), 'a list that nobody uses').toEqual([])
    const shown = () => topic.presence.members.map(({ id }) => id)
    expect(shown()).toEqual([])
    expect(members(bench, 'a', 'b')).toEqual({ type: 'members', topic: 't' })
    expect(shown()).toEqual(['a', 'b'])
    bench.gap('t')
    bench.gap('presence:other')
    expect(bench.calls()).toEqual([])
    bench.gap('presence:t')
    expect(members(bench, 'b', 'c')).toEqual({ type: 'members', topic: 't' })
    expect(shown()).toEqual(['b', 'c'])
  })

  it('keeps the joins and leaves that arrive before a list that is older', () => {
    const bench = topicsBench()
    const { topic } = bench.subscribe('t')
    bench.answer(1, 'e', 0)
    const shown = () => topic.presence.members.map(({ id }) => id)
    expect(shown()).toEqual([])
    bench.streams.begin(2, 'p', 'presence:t', 0)
    bench.message(2, 1, { type: 'join', id: 'c', info: 'c' })
    bench.message(2, 2, { type: 'leave', id: 'a' })
    expect(shown()).toEqual(['c'])
    members(bench, 'a', 'b')
    expect(shown()).toEqual(['b', 'c'])
    bench.gap('presence:t')
    members(bench, 'd')
    expect(shown()).toEqual(['d'])
  })

  it('requests the members again once the subscription that has ended is renewed, by this page or another', async () => {
    const { page, ...bench } = topicsBench()
    const { topic } = bench.subscribe('t')
    bench.answer(1, 'e', 0)
    expect(topic.presence.members).toEqual([])
    members(bench, 'a')
    const end = () => {
      bench.streams.clear()
      for (const each of ['t', 'presence:t']) bench.topics.unsubscribed(each)
    }
    end()
    await page.pass(250)
    expect(typesOf(bench.sent)).toEqual(['subscribe'])
    bench.answer(2, 'e', 0)
    expect(members(bench, 'b')).toEqual({ type: 'members', topic: 't' })
    await page.pass(10_000)
    expect(bench.calls()).toEqual([])
    end()
    bench.streams.begin(3, 'e', 't', 0)
    await page.pass(250)
    expect(members(bench, 'c')).toEqual({ type: 'members', topic: 't' })
    await page.pass(10_000)
    expect([bench.calls(), topic.presence.members.map(({ id }) => id)]).toEqual([[], ['c']])
  })
})
