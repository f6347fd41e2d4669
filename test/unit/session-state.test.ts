import { describe, expect, it } from 'vitest'
import { outdated } from '../../src/session/carrier.ts'
import { heartbeatOf, spreadMsOf } from '../../src/session/open-frame.ts'
import { binaryFrame, openFrame } from '../support/hand-network.ts'
import { reading } from '../support/session-bench.ts'

const subscribed = (at: number, stream: number, topic: string, { epoch = 'k7', from = 0 } = {}) =>
  `s${JSON.stringify({ at, stream, topic, epoch, from })}`
const gap = (stream: number, after: number | null, resumesAt: number, { epoch = 'k7', topic = 'chat' } = {}) =>
  `g${JSON.stringify({ stream, topic, epoch, after, resumesAt })}`

/** A session after its `open`, whose events are cleared. */
function opened(...args: Parameters<typeof reading>) {
  const bench = reading(...args)
  bench.read(openFrame())
  bench.heard.length = bench.told.length = 0
  return bench
}

describe('taking messages', () => {
  it('[SP1] a message is taken iff its offset is above the cursor of its stream, and then moves it', () => {
    const { session, heard, read } = opened()
    read('m0.3:a', 'm0.3:again', 'm0.2:late', 'm0.7:b')
    expect(heard).toEqual(['0.3 : a', '0.7 : b'])
    expect(session.cursor).toBe('0.7~e1')
  })

  it('[SP1] each stream has a cursor of its own, with its epoch', () => {
    const { session, heard, read } = opened()
    read(
      subscribed(1, 3, 'chat', { from: 10 }),
      subscribed(2, 4, 'news', { epoch: 'k8', from: 2 }),
      'm3.11:a',
      'm4.3:b',
      'm3.11:a',
    )
    expect(heard).toEqual(['3.11 chat: a', '4.3 news: b'])
    expect(session.cursor).toBe('0.2~e1,3.11~k7,4.3~k8')
  })

  it('[SP1] a message that comes over two attachments is taken once', () => {
    const { session, heard, read } = opened()
    const other: unknown[] = []
    const second = {
      opened() {},
      received: ({ data }: { readonly data: unknown }) => void other.push(data),
      pinged() {},
      closed() {},
      outdated,
    }
    read('m0.1:a')
    for (const frame of [openFrame({ k: 2, resumed: true }), 'm0.1:a', 'm0.2:b']) session.readText(frame, second)
    read('m0.2:b', 'm0.3:c')
    expect([heard, other]).toEqual([['0.1 : a', '0.3 : c'], ['b']])
  })

  it('[SP4] an `open` of an older dial with another epoch closes its attachment', () => {
    const { session, heard, read } = opened()
    read(openFrame({ k: 3, epoch: 'e2' }))
    expect(() => read(openFrame({ k: 2, resumed: true }))).toThrow('closed')
    expect([session.cursor, heard.length]).toEqual(['0.0~e2', 1])
    // A newer dial with another epoch, and an older dial with the same epoch, are accepted.
    read(openFrame({ k: 4, epoch: 'e3' }), openFrame({ k: 3, epoch: 'e3', resumed: true }))
    expect([session.cursor, heard.length]).toEqual(['0.0~e3', 3])
  })

  it('[SP4] an `open` of another epoch that knows less than was acknowledged closes its attachment', () => {
    const { session, read } = opened()
    session.sent = { first: 5, last: 6, bytesUnderWay: 0 }
    // The hello of that dial was sent when message 4 was not acknowledged yet.
    expect(() => read(openFrame({ k: 2, epoch: 'e2', taken: 3, ack: 3 }))).toThrow('closed')
    expect([session.cursor, session.isResumed]).toEqual(['0.0~e1', false])
    read(openFrame({ k: 3, epoch: 'e2', taken: 4, ack: 4 }))
    expect(session.cursor).toBe('0.0~e2')
  })

  it('[SP1] the cursor moves after the message was handed over', () => {
    const cursors: string[] = []
    const bench = opened(() => void cursors.push(bench.session.cursor))
    bench.read('m0.1:a', 'm0.2:b')
    expect(cursors).toEqual(['0.0~e1', '0.1~e1'])
  })

  it('a batch holds messages at consecutive offsets of several streams, and known ones are skipped', () => {
    const { heard, read } = opened()
    read(
      subscribed(1, 3, 'chat'),
      'm0.3:c',
      `M${JSON.stringify([
        [0, 2, 'b', 'c', 'd'],
        [3, 1, 'x\ny', ''],
      ])}`,
    )
    expect(heard).toEqual(['0.3 : c', '0.4 : d', '3.1 chat: x\ny', '3.2 chat: '])
  })

  it('bytes are taken alike from a binary frame and from base64', () => {
    const { heard, session, read } = opened()
    read(binaryFrame('0.1', 0, 10, 255), binaryFrame('0.1', 9), 'b0.2:AAr/', 'b0.2:AAr/', binaryFrame('0.3'), 'b0.4:')
    expect(heard).toEqual([
      ['0.1', '', [0, 10, 255]],
      ['0.2', '', [0, 10, 255]],
      ['0.3', '', []],
      ['0.4', '', []],
    ])
    expect(session.cursor).toBe('0.4~e1')
  })

  it('a text may contain the separators of a frame', () => {
    const { heard, read } = opened()
    read('m0.1:', 'm0.2:a:b', 'm0.3:m0.4:c\n')
    expect(heard).toEqual(['0.1 : ', '0.2 : a:b', '0.3 : m0.4:c\n'])
  })

  it('no message is taken from an unannounced stream, or after the session has ended', () => {
    const { session, heard, read } = opened()
    read('m3.1:a')
    session.end()
    read('m0.1:b', subscribed(2, 3, 'chat'), 'm3.1:a', gap(3, 1, 5))
    expect([heard, session.cursor]).toEqual([[], '0.0~e1'])
  })

  it('[SP1] an ack is due from the first message on, and again from 1 MiB', () => {
    const { session, told, read } = opened()
    read('m0.1:a', 'm0.2:b')
    expect([told, session.owedBytes]).toEqual([['owing'], 2])
    read(`m0.3:${'x'.repeat(1_048_573)}`)
    expect(told).toEqual(['owing'])
    read(binaryFrame('0.4', 1))
    expect([told, session.owedBytes]).toEqual([['owing', 'owing'], 1_048_576])
    session.owedBytes = 0
    read('m0.5:c')
    expect(told).toHaveLength(3)
  })
})

describe('subscriptions', () => {
  it('[SP12] are part of stream 0: numbered, replayed, taken once', () => {
    const { session, heard, read } = opened()
    read(subscribed(5, 3, 'chat', { from: 40 }), 'm3.41:a')
    read(subscribed(5, 3, 'chat', { from: 40 }), 'm3.41:a', 'm0.5:b', 'm3.42:c')
    expect(heard).toEqual(['3.41 chat: a', '3.42 chat: c'])
    read('u{"at":6,"stream":3}')
    expect(session.cursor).toBe('0.6~e1')
    read('m3.43:d', subscribed(5, 3, 'chat', { from: 40 }), 'm3.44:e', 'u{"at":6,"stream":3}')
    expect([heard.length, session.cursor]).toEqual([2, '0.6~e1'])
  })

  it('may be to topics of any name', () => {
    const { heard, read } = opened()
    read(subscribed(1, 1, '__proto__'), subscribed(2, 2, 'constructor'), 'm1.1:a', 'm2.1:b')
    expect(heard).toEqual(['1.1 __proto__: a', '2.1 constructor: b'])
  })
})

describe('a gap', () => {
  it('[SP3] is reported, and the stream continues behind it', () => {
    const { session, heard, told, read } = opened()
    read(subscribed(1, 3, 'chat'), 'm3.1:a', gap(3, 1, 30), 'm3.29:lost', 'm3.30:b')
    expect(heard).toEqual(['3.1 chat: a', '3.30 chat: b'])
    expect(told).toEqual(['owing', { topic: 'chat', after: 1, resumesAt: 30 }])
    expect(session.cursor).toBe('0.1~e1,3.30~k7')
  })

  it('[SP3] is reported once, and not for messages that were taken over another attachment', () => {
    const { told, read } = opened()
    read(subscribed(1, 3, 'chat'), gap(3, 0, 5), gap(3, 0, 5), 'm3.5:a', gap(3, 0, 6), gap(3, 0, 4))
    expect(told.filter((each) => typeof each === 'object')).toHaveLength(1)
  })

  it('[SP3] with a new epoch restarts the offsets, and those of the old epoch no longer count', () => {
    const { session, heard, told, read } = opened()
    read(subscribed(1, 3, 'chat', { from: 900 }), gap(3, null, 1, { epoch: 'k8' }), 'm3.1:a')
    expect(heard).toEqual(['3.1 chat: a'])
    expect(told[0]).toEqual({ topic: 'chat', after: null, resumesAt: 1 })
    expect(session.cursor).toBe('0.1~e1,3.1~k8')
  })

  it('[SP12] in stream 0 is followed by the subscriptions announced in it, at the offset where it ends', () => {
    const { session, heard, told, read } = opened()
    read(
      'g{"stream":0,"epoch":"e1","after":0,"resumesAt":6}',
      subscribed(5, 3, 'chat'),
      subscribed(5, 4, 'news'),
      'm3.1:a',
      'm4.1:b',
    )
    expect(heard).toEqual(['3.1 chat: a', '4.1 news: b'])
    expect([told[0], session.cursor]).toEqual([{ topic: '', after: 0, resumesAt: 6 }, '0.5~e1,3.1~k7,4.1~k7'])
    read(subscribed(5, 3, 'chat'), 'm3.1:a')
    expect(heard).toHaveLength(2)
  })

  it('[SP3] may itself announce a stream', () => {
    const { heard, read } = opened()
    read(gap(3, 7, 9), 'm3.8:a', 'm3.9:b')
    expect(heard).toEqual(['3.9 chat: b'])
  })
})

describe('open', () => {
  it('is a resumption if it has the epoch of the previous one, and the first is none', () => {
    const { session, heard, read } = reading()
    expect([session.isResumed, session.opened, heartbeatOf(session.opened), spreadMsOf(session.opened)]).toEqual([
      false,
      null,
      null,
      null,
    ])
    read(openFrame({ k: 4 }))
    expect([session.isResumed, heartbeatOf(session.opened), spreadMsOf(session.opened)]).toEqual([
      false,
      { intervalMs: 15_000, timeoutMs: 5000 },
      800,
    ])
    read('m0.3:a', openFrame({ k: 5, resumed: true, heartbeatMs: 20_000, retryWindowMs: 50 }))
    expect(heard).toEqual(['opened 4', '0.3 : a', 'opened 5'])
    expect([session.isResumed, heartbeatOf(session.opened)?.intervalMs, spreadMsOf(session.opened), session.cursor]).toEqual([
      true,
      20_000,
      50,
      '0.3~e1',
    ])
  })

  it('[SP4] with another epoch is of a lost session: the cursor is cleared, and offsets restart', () => {
    const { session, heard, read } = opened()
    session.sent = { first: 4, last: 4, bytesUnderWay: 0 }
    read(subscribed(1, 3, 'chat'), 'm3.9:a', 'm0.8:b', openFrame({ epoch: 'e2', taken: 4, ack: 4 }))
    expect([session.isResumed, session.cursor]).toEqual([false, '0.0~e2'])
    read('m0.1:c', 'm3.10:of nobody')
    expect(heard).toEqual(['3.9 chat: a', '0.8 : b', 'opened 1', '0.1 : c'])
  })

  it.each([
    ['an epoch that no cursor can hold', { epoch: 'e,1' }],
    ['a heartbeat of 0', { heartbeatMs: 0 }],
    ['a negative number', { taken: -1 }],
    ['a number that is a text', { taken: '0' as never }],
    ['an epoch that is a list', { epoch: ['e1'] as never }],
    ['a lastEnd whose reason is no text', { lastEnd: { by: 'server' as const, code: 1, reason: {} as never } }],
    ['null as its JSON', null],
    ['a text as its JSON', 'text'],
  ])('with %s is malformed', (_, more) => {
    const bench = reading()
    const frame = typeof more === 'object' && more ? openFrame(more) : `o${JSON.stringify(more)}`
    expect(() => bench.read(frame)).toThrow()
    expect([bench.heard, bench.session.cursor, bench.session.opened]).toEqual([[], '', null])
  })
})

describe('the hello', () => {
  it('holds the id, the numbers and the cursor of the session, as far as they are known', () => {
    const { session, read } = reading()
    expect(session.hello(1, {})).toEqual({ v: 1, session: session.id, k: 1, n: 1, last: 0 })
    read(openFrame(), 'm0.2:a')
    session.sent = { first: 7, last: 9, bytesUnderWay: 0 }
    expect(session.hello(2, { wait: 0, turn: 3, auth: { token: 't' } })).toEqual({
      v: 1,
      session: session.id,
      k: 2,
      n: 7,
      last: 9,
      cursor: '0.2~e1',
      wait: 0,
      turn: 3,
      auth: { token: 't' },
    })
  })

  it('[SP4] holds the last number of an earlier life as `before`, until all up to it are acknowledged', () => {
    const { session, read } = opened()
    session.sent = { first: 3, last: 5, bytesUnderWay: 0 }
    expect(session.hello(2, {})).not.toHaveProperty('before')
    read(openFrame({ epoch: 'e2', taken: 2, ack: 2 }))
    session.sent = { first: 5, last: 9, bytesUnderWay: 0 }
    expect(session.hello(2, {})).toMatchObject({ last: 9, before: 5, cursor: '0.0~e2' })
    session.sent = { first: 6, last: 9, bytesUnderWay: 0 }
    expect(session.hello(2, {})).not.toHaveProperty('before')
  })
})

describe('the reports of the server on messages of the client', () => {
  it('[SP2] an ack is passed on unless it was known', () => {
    const { session, told, read } = opened()
    session.sent = { first: 4, last: 9, bytesUnderWay: 0 }
    read('a3', 'a5', openFrame({ resumed: true, ack: 8 }))
    expect(told).toEqual(['acked 5', 'acked 8'])
  })

  it.each(['a10', openFrame({ resumed: true, ack: 10 })])('[SP2] an ack beyond the last number is malformed: %s', (frame) => {
    const { session, told, read } = opened()
    session.sent = { first: 4, last: 9, bytesUnderWay: 0 }
    expect(() => read(frame)).toThrow()
    expect(() => session.readReceipt(9, 10)).toThrow()
    expect([told, session.isResumed]).toEqual([[], false])
  })

  it('[SP2] an `r` frame asks for lost messages again', () => {
    const { told, read } = opened()
    read('r6')
    expect(told).toEqual(['back 6'])
  })
})

describe('the other frames', () => {
  it('[SP18] `open` says over how long reconnects are spread, at most half of the resume window', () => {
    const { session, read } = reading()
    read(openFrame({ retryWindowMs: 1200 }))
    expect(spreadMsOf(session.opened)).toBe(1200)
    read(openFrame({ retryWindowMs: 200_000, resumeWindowMs: 40_000 }))
    expect(spreadMsOf(session.opened)).toBe(20_000)
  })

  it('a ping, a request for credentials and a close are passed to their attachment', () => {
    const { heard, read } = opened()
    read('p', 'c{}', 'x{"code":4401}', 'x{"code":4503,"reason":"soon","retryAfterMs":70}')
    expect(heard).toEqual(['pinged', 'challenged', ['closed', 4401, '', undefined], ['closed', 4503, 'soon', 70]])
  })

  it.each(['', 'z', 'q', 'Zebra', 't3.0', 'w9', '1', '\0', 'é'])('%j is unknown, and ignored', (frame) => {
    const { session, heard, told, read } = opened()
    read(frame)
    expect([heard, told, session.cursor]).toEqual([[], [], '0.0~e1'])
  })

  it('members that are unknown are ignored', () => {
    const { session, heard, read } = opened()
    read('s{"at":1,"stream":3,"topic":"t","epoch":"k","from":0,"new":[1]}', 'u{"at":2,"stream":3,"why":"x"}', 'h{"other":1}')
    expect([heard, session.cursor]).toEqual([[], '0.2~e1'])
  })

  it.each([
    ...['m', 'm0.1', 'm0:a', 'mx.1:a', 'm0.y:a', 'M', 'M{}', 'M[1]', 'M[[0,"x","a"]]', 'b0.1:*', 'b0.1', 'ax', 'r-1', 'rNaN'],
    ...[
      'm0x1.1:a',
      'm0.1e3:a',
      'm .1:a',
      'M[[0,1,{}]]',
      'M[[0,1,5]]',
      'M[[0,null,"a"]]',
      'M[["0",1,"a"]]',
      'M[[0,true,"a"]]',
      'a',
      'r1.5',
    ],
    ...[
      'h{"comingBytes":"9"}',
      'h{"comingBytes":[9]}',
      'x{"code":"4401"}',
      'x{"code":4401,"reason":{}}',
      'x{"code":4401,"retryAfterMs":"1"}',
    ],
    ...['g{"stream":0,"epoch":"e2","after":{},"resumesAt":9}', 'g{"stream":0,"epoch":"e2","after":1,"resumesAt":9,"topic":{}}'],
    ...['s{"at":1,"stream":3,"topic":["t"],"epoch":"a","from":0}', 's{"at":1,"stream":3,"topic":"t","epoch":["a"],"from":0}'],
    ...['o', 'o{', 's', 's{}}', 'snull', 'unull', 'g', 'gnull', 'g{}', 'h', 'hnull', 'x', 'xnull'],
    's{"at":1,"stream":3,"topic":"t","epoch":"a~b,1","from":0}',
    's{"at":1,"stream":3,"topic":"t","epoch":"a"}',
  ])('%j is malformed: it throws and changes nothing', (frame) => {
    const { session, heard, told, read } = opened()
    expect(() => read(frame)).toThrow()
    expect([heard, told, session.cursor, spreadMsOf(session.opened)]).toEqual([[], [], '0.0~e1', 800])
  })

  it.each([
    ['without a line end', new Uint8Array([48, 46, 49])],
    ['without an offset', new Uint8Array([10, 1])],
    ['of length 0', new Uint8Array()],
  ])('bytes %s are malformed', (_, bytes) => {
    const { heard, read } = opened()
    expect(() => read(bytes.buffer)).toThrow()
    expect(heard).toEqual([])
  })
})

describe('the lifecycle of a session', () => {
  it('begin() after an end forgets the old session, but continues the numbers', () => {
    const { session, heard, read } = opened()
    session.sent = { first: 3, last: 4, bytesUnderWay: 0 }
    read('m0.9:a')
    session.end()
    session.begin('another-session-id')
    expect(session.hello(2, {})).toEqual({ v: 1, session: 'another-session-id', k: 2, n: 3, last: 4 })
    expect(heartbeatOf(session.opened)).toBeNull()
    read(openFrame({ epoch: 'e1', taken: 2, ack: 2 }), 'm0.1:b')
    expect([session.isResumed, heard]).toEqual([false, ['0.9 : a', 'opened 1', '0.1 : b']])
  })

  it('[SP9] renewOnce() gives it another id once, and never again', () => {
    const { session, read } = opened()
    read('m0.9:a')
    expect([session.renewOnce('second-session'), session.id, session.cursor]).toEqual([true, 'second-session', ''])
    expect([session.renewOnce('third-session'), session.id]).toEqual([false, 'second-session'])
  })
})

describe('graceMs()', () => {
  it('[SP7] grows by a millisecond for each 10 bytes in flight', () => {
    const { session } = opened()
    expect(session.graceMs()).toBe(0)
    session.sent = { first: 1, last: 1, bytesUnderWay: 300_000 }
    expect(session.graceMs()).toBe(30_000)
  })

  it('[SP7] grows by the bytes that the server announces, until they have arrived', () => {
    const { session, read } = opened()
    read('h{"comingBytes":1000000}')
    expect(session.graceMs()).toBe(100_000)
    read('m0.1:a')
    expect(session.graceMs()).toBe(0)
  })

  it('[SP7] doubles after each silence, to 2 min, until there is progress either way', () => {
    const { session, read } = opened()
    session.sent = { first: 1, last: 1, bytesUnderWay: 0 }
    const grown = Array.from({ length: 8 }, () => {
      session.fellSilent()
      return session.graceMs()
    })
    expect(grown).toEqual([3000, 9000, 21_000, 45_000, 93_000, 120_000, 120_000, 120_000])
    read('m0.1:a')
    expect(session.graceMs()).toBe(0)
    // This attachment had made progress.
    session.fellSilent()
    expect(session.graceMs()).toBe(0)
    // An answer to a poll of the same dial is no new attachment.
    read(openFrame())
    session.fellSilent()
    expect(session.graceMs()).toBe(0)
    read(openFrame({ k: 2 }))
    session.fellSilent()
    read('m0.1:known, no progress', 'a0')
    expect(session.graceMs()).toBe(3000)
    read('a1')
    expect(session.graceMs()).toBe(0)
  })
})
