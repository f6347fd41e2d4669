import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/api/evidence.ts'
import { readFrame } from '../../src/server/delivery/parse-frames.ts'
import { FakeSocketLink } from '../support/fake-link.ts'
import { binaryFrame, openFrame } from '../support/hand-network.ts'
import { promised } from '../support/manual-host.ts'
import { outcomeOf } from '../support/sender-bench.ts'
import { type SessionBenchOptions, SessionPostLink, SessionSocketLink, sessionBench } from '../support/session-bench.ts'

const mebibyte = 2 ** 20
const tooLarge = { kind: 'closed', code: 4413, reason: '', wasClean: true } as const

/** A sender that is attached to a WebSocket. */
function socketed(options?: SessionBenchOptions, more?: Parameters<ReturnType<typeof sessionBench>['attach']>[1]) {
  const bench = sessionBench(options)
  return { ...bench, bench, link: bench.attach(new SessionSocketLink(), more) }
}

/** A sender attached to an event stream, or with `tellsCursor` to polling; the POST that confirms the turn is answered. */
async function posted({ tellsCursor = false, ...options }: SessionBenchOptions & { readonly tellsCursor?: boolean } = {}) {
  const bench = sessionBench(options)
  const link = bench.attach(new SessionPostLink({ tellsCursor }))
  link.posts[0]?.settle({ outcome: 'sent' })
  await promised()
  const settled = link.posts.length
  const bodies = () => link.bodies.slice(settled)
  /** The server takes and acknowledges everything up to n, in answer to the last post. */
  const take = async (n: number, ack = n) => {
    bench.read(`a${ack}`, `r${n}`)
    link.posts.at(-1)?.settle({ outcome: 'sent' })
    await promised()
  }
  return { ...bench, bench, link, bodies, take }
}

describe('over a WebSocket', () => {
  it('[SP17] messages sent in one task are one frame', async () => {
    const { link, send } = socketed()
    send('a', 'b', 'c')
    expect(link.written).toEqual([])
    await promised()
    expect(link.news()).toEqual(['M[1,"a","b","c"]'])
  })

  it('[SP17] a lone message is written at once, without a timer', async () => {
    const { link, send, clock } = socketed()
    send('a')
    await Promise.resolve()
    expect([link.news(), clock.pending, clock.now()]).toEqual([['m1:a'], 0, 0])
    send('b')
    await Promise.resolve()
    expect(link.news()).toEqual(['m2:b'])
  })

  it('[SP17] a frame holds up to 64 KiB, or one message', async () => {
    const { link, send } = socketed()
    const third = 'x'.repeat(22_000)
    const large = 'y'.repeat(70_000)
    send(third, third, third, large, 'z')
    await promised()
    expect(link.news()).toEqual([`M[1,"${third}","${third}"]`, `m3:${third}`, `m4:${large}`, 'm5:z'])
  })

  it('[SP17] empty messages share a frame up to 21,845, however many are queued', async () => {
    const bench = sessionBench()
    bench.send(...Array.from({ length: 30_000 }, () => ''))
    await promised()
    const link = bench.attach(new SessionSocketLink())
    const counts = link.news().map((frame) => JSON.parse(String(frame).slice(1)).length - 1)
    expect(counts).toEqual([21_845, 30_000 - 21_845])
  })

  it('queued messages are written when a link is attached, numbered from 1', async () => {
    const bench = sessionBench()
    bench.send('a', new Uint8Array([0, 255]).buffer, 'b')
    await promised()
    expect(bench.carried).toBe(0)
    const link = bench.attach(new SessionSocketLink())
    expect(link.news()).toEqual(['m1:a', binaryFrame('2', 0, 255), 'm3:b'])
    expect(bench.carried).toBe(1)
  })

  it('[SP2] the next link is given the messages above `taken`, in order, before new ones', async () => {
    const { bench, send, read, sender } = socketed()
    send('a', 'b', 'c', 'd')
    await promised()
    read('a1')
    expect(sender.detach()).toEqual([])
    send('e')
    await promised()
    const next = bench.attach(new SessionSocketLink(2), { taken: 2, ack: 1, resumed: true })
    expect(next.news()).toEqual(['M[3,"c","d","e"]'])
  })

  it('[SP2] messages that were lost with a node are written again at once', async () => {
    const { link, send, read } = socketed()
    send('a', 'b', 'c')
    await promised()
    link.news()
    read('a1', 'r1')
    await promised()
    expect(link.news()).toEqual(['M[2,"b","c"]'])
  })

  it('[SP4] after a lost session unacknowledged messages are sent again, under their old numbers', async () => {
    const { bench, send, read, sender, lost } = socketed()
    send('a', 'b', 'c')
    await promised()
    read('a1')
    sender.detach()
    const next = bench.attach(new SessionSocketLink(1), { epoch: 'e2', taken: 1, ack: 1 })
    expect([next.news(), lost]).toEqual([['M[2,"b","c"]'], []])
  })

  it('[SP4] `resend: false`: after a lost session unacknowledged messages are undelivered and withdrawn', async () => {
    const { bench, send, read, sender, lost } = socketed({ resends: false })
    send('a', 'b', 'c')
    await promised()
    read('a1')
    sender.detach()
    send('d')
    const next = bench.attach(new SessionSocketLink(1), { epoch: 'e2', taken: 1, ack: 1 })
    expect(lost).toEqual([{ undelivered: ['b', 'c'], why: 'forgotten' }])
    expect(next.news()).toEqual(['w2', 'w3', 'm4:d'])
  })

  it('in a resumed session with `resend: false` unacknowledged messages are still sent again', async () => {
    const { bench, send, sender, lost } = socketed({ resends: false })
    send('a')
    await promised()
    sender.detach()
    expect(bench.attach(new SessionSocketLink(), { resumed: true }).news()).toEqual(['m1:a'])
    expect(lost).toEqual([])
  })

  it('[SP11] nothing is written while 1 MiB waits in the socket, which is checked every 20 ms', async () => {
    const { link, send, sender, wait } = socketed()
    link.isStuck = true
    const half = 'x'.repeat(mebibyte / 2)
    send(half, half, 'a', 'b')
    await promised()
    expect(link.news()).toHaveLength(2)
    expect(sender.dueAt()).toBe(20)
    link.drain(1)
    await wait(19)
    expect(link.written).toEqual([])
    await wait(1)
    expect(link.written).toEqual([])
    link.drain()
    await wait(20)
    expect(link.news()).toEqual(['M[3,"a","b"]'])
  })

  it('a link that throws breaks the attachment, and no message is lost', async () => {
    const { bench, link, send, broken, lost } = socketed()
    link.write = () => {
      throw new TypeError('no')
    }
    send('a')
    await promised()
    expect([broken, lost]).toEqual([[{ kind: 'broken', detail: 'TypeError' }], []])
    expect(bench.attach(new SessionSocketLink(), { resumed: true }).news()).toEqual(['m1:a'])
  })
})

describe('calls', () => {
  /** What is written to the next link, without acknowledgments. */
  function writtenAgain(bench: ReturnType<typeof sessionBench>, more?: Parameters<typeof openFrame>[0]): unknown[] {
    const link = bench.attach(new SessionSocketLink(), more)
    return link.news().filter((frame) => !/^a/.test(String(frame)))
  }

  /** Sends a call, and returns what became of it. */
  function call({ sender }: ReturnType<typeof sessionBench>, json: string): unknown[] {
    const outcomes: unknown[] = []
    sender.call(json, { answered: (answer) => outcomes.push(answer), lost: (why) => outcomes.push(why) }, json.length)
    return outcomes
  }

  it.each(['request', 'publish'])(
    '[SP21] a %s that is answered is never written again, and its number stays in use',
    async (type) => {
      const { bench, link, read, send } = socketed()
      const slow = call(bench, '{"type":"request","data":"slow"}')
      const quick = call(bench, `{"type":"${type}","data":"quick"}`)
      send('a')
      await promised()
      read('C0.1:{"type":"reply","to":2,"data":"done"}')
      expect([slow, quick, link.news().length]).toEqual([[], [{ type: 'reply', to: 2, data: 'done' }], 3])
      expect(writtenAgain(bench, { epoch: 'e2', resumed: false })).toEqual(['C1:{"type":"request","data":"slow"}', 'w2', 'm3:a'])
      bench.read('a3')
      expect([slow, quick]).toEqual([['lost'], [{ type: 'reply', to: 2, data: 'done' }]])
    },
  )

  it('[SP21] a message that the server has refused is not written again, nor reported as undelivered', async () => {
    const { bench, link, read, send, lost } = socketed({ resends: false })
    call(bench, '{"type":"request","data":"slow"}')
    send('a', 'b')
    await promised()
    read('C0.1:{"type":"error","to":2,"code":"no","message":""}')
    link.news()
    expect(writtenAgain(bench, { epoch: 'e2', resumed: false })).toEqual(['w1', 'w2', 'w3'])
    expect(lost).toEqual([{ undelivered: ['b'], why: 'forgotten' }])
  })

  it.each(['subscribe', 'members'])('[SP22] a %s is written again until it is acknowledged', async (type) => {
    const { bench, read } = socketed()
    call(bench, '{"type":"request","data":"slow"}')
    call(bench, `{"type":"${type}","topic":"t"}`)
    await promised()
    read('C0.1:{"type":"reply","to":2,"value":[]}')
    expect(writtenAgain(bench)).toEqual(['C1:{"type":"request","data":"slow"}', `C2:{"type":"${type}","topic":"t"}`])
  })

  it('[SP21] a polling client no longer waits for a call that is answered', async () => {
    const { bench, session, read } = socketed()
    call(bench, '{"type":"request","data":"a"}')
    await promised()
    expect(session.port?.isAwaited()).toBe(true)
    read('C0.1:{"type":"reply","to":1}')
    expect(session.port?.isAwaited()).toBe(false)
  })
})

describe('acks', () => {
  it('[SP1] are sent a second after the first message, once for all messages', async () => {
    const { link, read, wait } = socketed()
    read('m0.1:a')
    await wait(600)
    read('m0.2:b')
    await wait(399)
    expect(link.news()).toEqual([])
    await wait(1)
    expect(link.news()).toEqual(['a0.2~e1'])
    await wait(60_000)
    expect(link.news()).toEqual([])
  })

  it('[SP1] are sent at once from 1 MiB on', async () => {
    const { link, read } = socketed()
    read(`m0.1:${'x'.repeat(600_000)}`, `m0.2:${'x'.repeat(600_000)}`)
    await promised()
    expect(link.news()).toEqual(['a0.2~e1'])
    read(`m0.3:${'x'.repeat(1_048_575)}`)
    await promised()
    expect(link.news()).toEqual([])
  })

  it('[SP1] of messages over another attachment are sent on the one that carries the session now', async () => {
    const bench = sessionBench()
    bench.read(openFrame(), 'm0.1:a')
    const link = new SessionSocketLink()
    bench.sender.attach(link)
    expect(link.news()).toEqual(['a0.1~e1'])
  })

  it('[SP1] are sent before an orderly close', async () => {
    const { link, read, send, sender } = socketed()
    read('m0.1:a')
    send('b')
    let atClose: unknown
    void sender.finish(
      () => {
        atClose = link.news()
      },
      1000,
      '',
    )
    expect(atClose).toEqual(['m1:b', 'a0.1~e1'])
  })

  it('[SP1] are the cursor in a POST for an event stream, together with queued messages', async () => {
    const { link, bodies, read, send, take, wait } = await posted()
    read('m0.1:a')
    await wait(999)
    expect(bodies()).toEqual([])
    await wait(1)
    expect(bodies()).toEqual([''])
    await take(0)
    read('m0.2:b')
    send('x')
    await promised()
    expect(bodies()).toEqual(['', 'M[1,"x"]'])
    await take(1)
    await wait(1000)
    expect(link.posts.at(-1)?.data).toBe('M[1,"x"]')
  })

  it('[SP1] are posted for an event stream at least every 2.5 × heartbeatMs, even for an unchanged cursor', async () => {
    const { bodies, take, wait } = await posted()
    await wait(37_499)
    expect(bodies()).toEqual([])
    await wait(1)
    expect(bodies()).toEqual([''])
    await take(0)
    await wait(37_500)
    expect(bodies()).toEqual(['', ''])
  })

  it('are not posted if each request of the transport carries the cursor', async () => {
    const { bodies, read, wait } = await posted({ tellsCursor: true })
    read('m0.1:a', `m0.2:${'x'.repeat(70_000)}`)
    await wait(120_000)
    expect(bodies()).toEqual([])
  })
})

describe('doubt about the connection', () => {
  it('[SP7] is raised when a message is not acknowledged in 3 s, and again while it is not', async () => {
    const { bench, send, read, wait } = socketed()
    send('0123456789')
    await wait(3000)
    expect(bench.doubts).toBe(0)
    // Each byte in flight adds a tenth of a millisecond.
    await wait(1)
    expect(bench.doubts).toBe(1)
    await wait(3001)
    expect(bench.doubts).toBe(2)
    read('a1')
    await wait(60_000)
    expect(bench.doubts).toBe(2)
  })

  it('[SP7] is raised after four round trips if these are longer, plus the time for the bytes in flight', async () => {
    const { bench, send, wait } = socketed({ roundTripMs: 1000 })
    send('x'.repeat(20_000))
    await wait(5999)
    expect(bench.doubts).toBe(0)
    await wait(1)
    expect(bench.doubts).toBe(1)
  })

  it('[SP7] has its timer restarted by an ack of a part, but not by another message', async () => {
    const { bench, send, read, wait } = socketed()
    send('0123456789')
    await wait(2000)
    send('0123456789')
    await wait(500)
    read('a1')
    await wait(3000)
    expect(bench.doubts).toBe(0)
    await wait(1)
    expect(bench.doubts).toBe(1)
  })

  it('ends when the link is detached', async () => {
    const { bench, send, sender, wait } = socketed()
    send('a')
    await promised()
    sender.detach()
    await wait(60_000)
    expect([bench.doubts, sender.dueAt()]).toEqual([0, Infinity])
  })
})

describe('a message that is too large', () => {
  it('[SP10] is never written, and the queue continues', async () => {
    const { link, send, lost } = socketed({}, { maxMessageBytes: 10 })
    send('a', 'x'.repeat(11), 'b', 'y'.repeat(10))
    await promised()
    expect(lost).toEqual([{ undelivered: ['x'.repeat(11)], why: 'too-large' }])
    expect(link.news().join(' ')).toBe(`m1:a m2:b m3:${'y'.repeat(10)}`)
  })

  it('[SP10] is recognized by the limit in `open`, and dropped then', async () => {
    const bench = sessionBench()
    bench.send('x'.repeat(11), 'a')
    await promised()
    const link = bench.attach(new SessionSocketLink(), { maxMessageBytes: 10 })
    expect([link.news(), bench.lost.length]).toEqual([['m1:a'], 1])
  })

  it('[SP10] halves the batch of a refused POST; after an ack batches have their full size again', async () => {
    const { link, send, bodies, take } = await posted()
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(10))
    send(a ?? '', b ?? '', c ?? '', d ?? '')
    await promised()
    link.posts.at(-1)?.settle({ outcome: 'unconfirmed', report: tooLarge })
    await promised()
    expect(bodies().slice(1)).toEqual([`M[1,"${a}","${b}"]`])
    await take(2)
    send('e')
    expect(bodies().slice(2)).toEqual([`M[3,"${c}","${d}"]`])
    await take(4)
    expect(bodies().slice(3)).toEqual(['M[5,"e"]'])
  })

  it('[SP10] is reported and withdrawn when it is refused alone, and the other messages arrive', async () => {
    const { link, send, bodies, take, lost } = await posted()
    send('a', 'b')
    await promised()
    link.posts.at(-1)?.settle({ outcome: 'unconfirmed', report: tooLarge })
    await promised()
    link.posts.at(-1)?.settle({ outcome: 'unconfirmed', report: tooLarge })
    await promised()
    expect(lost).toEqual([{ undelivered: ['a'], why: 'too-large' }])
    expect(bodies().slice(2)).toEqual(['w1\nM[2,"b"]'])
    await take(2)
    expect(bodies()).toHaveLength(3)
  })

  it('[SP10] is withdrawn over a WebSocket, where several frames are in flight, only when refused alone', async () => {
    const { bench, sender, send, read, lost } = socketed()
    const [large = '', small = ''] = ['x'.repeat(70_000), 'y'.repeat(10)]
    send(small, large, small, small)
    await promised()
    // The server took 1, and closed because of 2: it never read the later frames.
    let link = new SessionSocketLink(1)
    const refuse = () => {
      sender.tooLarge()
      sender.detach()
      link = bench.attach(new SessionSocketLink(1), { taken: 1, ack: 1, resumed: true })
    }
    refuse()
    expect([lost, link.news()]).toEqual([[], [`m2:${large}`]])
    refuse()
    expect(lost).toEqual([{ undelivered: [large], why: 'too-large' }])
    expect(link.news()).toEqual(['w2', `M[3,"${small}","${small}"]`])
    read('a4')
    send('z')
    await promised()
    expect(link.news()).toEqual(['m5:z'])
  })

  it('[SP1] [SP10] does not delay the ack of the cursor while it is sent alone, and makes no timer spin', async () => {
    const { bench, sender, send, read, wait } = socketed()
    const large = 'x'.repeat(70_000)
    send(large, large)
    await promised()
    sender.tooLarge()
    sender.detach()
    const link = bench.attach(new SessionSocketLink(), { resumed: true })
    expect(link.news()).toEqual([`m1:${large}`])
    // The server's handler may be waiting until the client has read this.
    read('m0.1:a')
    await wait(1000)
    expect(link.news()).toEqual(['a0.1~e1'])
    expect(sender.dueAt()).toBeGreaterThan(bench.clock.now())
    read('a1')
    await promised()
    expect(link.news()).toEqual([`m2:${large}`])
  })
})

describe('a Blob', () => {
  it('[SP2] is read before it is written, and later messages wait for it', async () => {
    const { link, send } = socketed()
    send(new Blob(['one']), 'two', new Blob([new Uint8Array([1])]), 'three')
    expect(link.written).toEqual([])
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(link.news()).toEqual([binaryFrame('1', 111, 110, 101), 'm2:two', binaryFrame('3', 1), 'm4:three'])
  })

  it('that cannot be read is undelivered, and does not hold up later messages', async () => {
    const { link, send, lost } = socketed()
    const blob = new Blob(['one'])
    blob.arrayBuffer = () => Promise.reject(new DOMException('gone', 'NotReadableError'))
    send(blob, 'two')
    await promised()
    expect(lost).toEqual([{ undelivered: [blob], why: 'unreadable' }])
    expect(link.news()).toEqual(['m1:two'])
  })
})

it('[SP17] lone surrogates are made well-formed, so that one message and a batch agree; pairs and a BOM stay', async () => {
  const { link, send } = socketed()
  send('a\ud800b')
  await promised()
  send('\udc00', '\ufeff\ud83d\ude00')
  await promised()
  expect(link.news()).toEqual(['m1:a\ufffdb', 'M[2,"\ufffd","\ufeff\ud83d\ude00"]'])
})

describe('the bounds', () => {
  it('[SP11] of queued and unacknowledged messages make send() throw, until some are acknowledged', async () => {
    const { send, read } = socketed({ maxMessages: 2 })
    send('a', 'b')
    await promised()
    expect(() => send('c')).toThrow(RangeError)
    read('a1')
    send('c')
    expect(() => send('d')).toThrow(RangeError)
  })

  it('[SP10] drop unwritten messages by the overflow policy, and never written ones', async () => {
    const { bench, sender, send, lost } = socketed({ maxMessages: 3, overflow: 'drop-oldest' })
    send('a', 'b')
    await promised()
    sender.detach()
    send('c', 'd')
    expect(lost).toEqual([{ undelivered: ['c'], why: 'overflow' }])
    expect(bench.attach(new SessionSocketLink(), { resumed: true }).news()).toEqual(['M[1,"a","b","d"]'])
  })

  it('let a message expire that waits for longer than ttlMs, but none that was written', async () => {
    const { bench, sender, send, lost, wait } = socketed({ ttlMs: 1000 })
    send('a')
    await promised()
    sender.detach()
    send('b')
    await wait(999)
    expect(lost).toEqual([])
    await wait(1)
    expect(lost).toEqual([{ undelivered: ['b'], why: 'expired' }])
    expect(bench.attach(new SessionSocketLink(), { resumed: true }).news()).toEqual(['m1:a'])
  })
})

describe('over POSTs', () => {
  it('a message that the server answers and does not take is posted once more, and then the attachment breaks', async () => {
    const { send, bodies, broken, lost, take, wait } = await posted()
    send('a')
    await promised()
    await take(0)
    expect([bodies(), broken]).toEqual([['M[1,"a"]', 'M[1,"a"]'], []])
    await take(0)
    await wait(10_000)
    expect([bodies().length, broken, lost]).toEqual([
      2,
      [{ kind: 'closed', code: 4500, reason: 'nothing is taken', wasClean: true }],
      [],
    ])
  })

  it('[SP5] the first POST confirms the turn at once, with the queued messages', async () => {
    const bench = sessionBench()
    bench.send('a', 'b')
    expect(bench.attach(new SessionPostLink()).bodies).toEqual(['M[1,"a","b"]'])
    expect(sessionBench().attach(new SessionPostLink()).bodies).toEqual([''])
  })

  it('[SP2] one POST is in flight at a time, with all queued messages in it', async () => {
    const { send, bodies, take } = await posted()
    send('a')
    await promised()
    send('b', new Uint8Array([0, 255]).buffer, 'c')
    await promised()
    expect(bodies()).toEqual(['M[1,"a"]'])
    await take(1)
    expect(bodies().slice(1)).toEqual(['M[2,"b"]\nb3:AP8=\nM[4,"c"]'])
  })

  it('[SP2] messages that the server took are not sent again, the others are', async () => {
    const { send, bodies, take } = await posted()
    send('a', 'b', 'c')
    await promised()
    await take(1)
    expect(bodies().slice(1)).toEqual(['M[2,"b","c"]'])
  })

  it('a POST has up to 256 KiB', async () => {
    const { send, bodies, take } = await posted()
    const large = 'x'.repeat(100_000)
    send(large, large, large)
    await promised()
    expect(bodies().map((body) => body.length)).toEqual([200_010])
    await take(2)
    expect(bodies()[1]).toHaveLength(100_007)
  })

  it.each<[string, () => string | ArrayBuffer]>([
    ['quotes', () => '"'.repeat(60_000)],
    ['control characters', () => '\u0001'.repeat(20_000)],
    ['control characters and line ends', () => '\u0001'.repeat(20_000).concat('\n')],
    ['bytes', () => new ArrayBuffer(90_000)],
    ['emoji', () => '😀'.repeat(25_000)],
    ['lone surrogates', () => '\ud800'.repeat(35_000)],
  ])('[SP2] a POST has no more than 256 KiB on the wire, whatever is in it: %s', async (_, dataOf) => {
    const { bodies, send, link } = await posted()
    send(...Array.from({ length: 8 }, dataOf))
    await promised()
    for (let post = 0; post < bodies().length; post += 1) {
      expect(Buffer.byteLength(bodies()[post] ?? '')).toBeLessThanOrEqual(2 ** 18 + 100)
      link.posts.at(-1)?.settle({ outcome: 'sent' })
      await promised()
    }
    const frames = bodies().flatMap((body) => body.split('\n').map(readFrame))
    expect(frames.flatMap((frame) => (frame?.type === 'messages' ? frame.payloads : [])).length).toBe(8)
    expect(bodies().length).toBeLessThanOrEqual(8)
  })

  it('[SP7] a POST without an answer is followed by an empty one, whose silence breaks the attachment', async () => {
    const { bench, link, bodies, send, broken, lost, wait } = await posted()
    send('0123456789')
    await wait(3001)
    expect([link.posts.at(-1)?.signal.aborted, broken]).toEqual([true, []])
    await wait(300)
    expect(bodies()).toEqual(['M[1,"0123456789"]', ''])
    // The first silence without progress doubles the time for the next answer.
    await wait(6000)
    expect([broken, lost]).toEqual([[{ kind: 'silent' }], []])
    expect(bench.attach(new SessionPostLink(), { resumed: true }).bodies).toEqual(['M[1,"0123456789"]'])
  })

  it('[SP7] the messages of a late POST are sent again unless the server had taken them', async () => {
    const { send, bodies, broken, take, wait } = await posted()
    send('a')
    await wait(3500)
    await take(1)
    expect(bodies()).toEqual(['M[1,"a"]', ''])
    send('b')
    await wait(3500)
    await take(1)
    expect([bodies().slice(2), broken]).toEqual([['M[2,"b"]', '', 'M[2,"b"]'], []])
  })

  it('[SP7] the time for the answer to a POST grows with its bytes', async () => {
    const { send, bodies, wait } = await posted()
    send('x'.repeat(200_000))
    await wait(22_999)
    expect(bodies()).toHaveLength(1)
    await wait(301)
    expect(bodies()[1]).toBe('')
  })

  const unavailable = { kind: 'answered', status: 502, contentType: 'text/html' } as const

  it('[SP2] a POST that a gateway loses is checked and sent again; four failures in a row break the attachment', async () => {
    const { link, send, bodies, broken, lost, take, wait, clock } = await posted()
    const fail = async (report: Report = unavailable) => {
      link.posts.at(-1)?.settle({ outcome: 'unconfirmed', report })
      await wait(2000)
    }
    send('a')
    await promised()
    for (let times = 0; times < 3; times += 1) await fail()
    await take(0)
    expect(bodies()).toEqual(['M[1,"a"]', '', '', '', 'M[1,"a"]'])
    await fail({ kind: 'closed', code: 4503, reason: 'restarting', wasClean: true, retryAfterMs: 60_000 })
    await fail({ kind: 'broken', detail: 'TypeError' })
    await fail()
    expect([bodies().length, broken]).toEqual([8, []])
    await fail()
    expect([broken, lost, clock.pending]).toEqual([[unavailable], [], 0])
  })

  it.each<Report>([
    { kind: 'closed', code: 4401, reason: '', wasClean: true },
    { kind: 'closed', code: 4410, reason: '', wasClean: true },
    { kind: 'mismatch', detail: 'a frame could not be read' },
  ])("[SP9] a POST that the session's server refuses for good breaks the attachment at once: %j", async (report) => {
    const { link, send, broken } = await posted()
    send('a')
    await promised()
    link.posts.at(-1)?.settle({ outcome: 'unconfirmed', report })
    await promised()
    expect(broken).toEqual([report])
  })

  it('a refused POST is not repeated before its `retryAfterMs`', async () => {
    const { link, send, bodies, wait } = await posted()
    send('a')
    await promised()
    const report = { kind: 'closed', code: 4429, reason: '', wasClean: true, retryAfterMs: 7000 } as const
    link.posts.at(-1)?.settle({ outcome: 'unconfirmed', report })
    await wait(6999)
    expect(bodies()).toHaveLength(1)
    await wait(1)
    expect(bodies()).toHaveLength(2)
  })

  /** An intermediary answers with the report when it sees these words; the server takes what it lets pass. */
  async function filtered(words: string, report: Report, ...values: readonly string[]) {
    const bench = await posted()
    bench.send(...values)
    let seen = 0
    const taken: string[] = []
    for (let idle = 0; idle < 5; idle += 1) {
      await bench.wait(400)
      for (const { data, settle } of bench.link.posts.slice(1 + seen)) {
        seen += 1
        idle = 0
        if (String(data).includes(words)) {
          settle({ outcome: 'unconfirmed', report })
          continue
        }
        for (const line of String(data).split('\n').filter(Boolean)) {
          const [first = 0, ...texts] = line.startsWith('M') ? JSON.parse(line.slice(1)) : [Number(line.slice(1)), null]
          for (const [index, text] of texts.entries()) if (first + index === taken.length + 1) taken.push(text ?? 'withdrawn')
        }
        bench.read(`a${taken.length}`, `r${taken.length}`)
        settle({ outcome: 'sent' })
      }
    }
    return { ...bench, taken, posts: seen }
  }

  const forbidden = { kind: 'answered', status: 403, contentType: 'text/html' } as const

  it.each([403, 406, 413, 404, 501, 200])(
    '[SP10] a message that an intermediary refuses with %i is undelivered and withdrawn, the others pass',
    async (status) => {
      const report = { ...forbidden, status }
      const values = ['a', 'b', 'c', '<script>', 'd', 'e'].map((text) => text.repeat(3))
      const { broken, taken, lost, sender } = await filtered('<script>', report, ...values)
      expect(broken).toEqual([])
      expect(lost).toEqual([{ undelivered: [values[3]], why: 'answered' }])
      expect(taken).toEqual(values.map((value, index) => (index === 3 ? 'withdrawn' : value)))
      await expect(outcomeOf(sender.flushed())).resolves.toBe('resolved')
    },
  )

  it('[SP10] such a message is found among a thousand in fewer than 100 POSTs', async () => {
    const values = Array.from({ length: 1000 }, (_, index) => (index === 777 ? '<script>' : `message ${index}`))
    const { taken, lost, posts } = await filtered('<script>', forbidden, ...values)
    expect([taken.length, lost.length]).toEqual([1000, 1])
    expect(posts).toBeLessThan(100)
  })

  it('[SP10] a message that breaks every connection, though others pass, is undelivered in the end', async () => {
    const { broken, taken, lost } = await filtered('<script>', { kind: 'broken', detail: 'TypeError' }, 'a', '<script>', 'b')
    expect([broken, taken, lost]).toEqual([[], ['a', 'withdrawn', 'b'], [{ undelivered: ['<script>'], why: 'broken' }]])
  })

  it('an intermediary that lets no POST pass breaks the attachment, and no message is lost', async () => {
    const { broken, lost } = await filtered('', forbidden, 'a', 'b')
    expect([broken, lost]).toEqual([[forbidden], []])
  })

  it('a POST that is aborted with its attachment reports nothing more', async () => {
    const { bench, link, sender, send, broken, clock } = await posted()
    send('a')
    await promised()
    sender.detach()
    await promised()
    expect([link.posts.at(-1)?.signal.aborted, broken, clock.pending]).toEqual([true, [], 0])
    const next = bench.attach(new SessionPostLink({ taken: 1 }), { taken: 1, ack: 0, resumed: true })
    expect(next.bodies).toEqual([''])
  })
})

describe('flushed()', () => {
  it('resolves when all messages sent so far are acknowledged, and not when they are written', async () => {
    const { send, read, sender } = socketed()
    await expect(outcomeOf(sender.flushed())).resolves.toBe('resolved')
    send('a', 'b')
    const flushed = sender.flushed()
    send('c')
    await promised()
    read('a1')
    expect(await outcomeOf(flushed)).toBe('pending')
    read('a2')
    expect(await outcomeOf(flushed)).toBe('resolved')
    expect(await outcomeOf(sender.flushed())).toBe('pending')
    read('a3')
    expect(await outcomeOf(sender.flushed())).toBe('resolved')
  })

  it('keeps waiting after a lost connection, and rejects when there will be no other', async () => {
    const { bench, send, sender, read } = socketed()
    send('a')
    const flushed = sender.flushed()
    await promised()
    sender.detach()
    expect(await outcomeOf(flushed)).toBe('pending')
    bench.attach(new SessionSocketLink(1), { taken: 1, ack: 1, resumed: true })
    expect(await outcomeOf(flushed)).toBe('resolved')
    send('b')
    const refused = sender.flushed()
    sender.giveUp()
    expect(await outcomeOf(refused)).toBe('rejected')
    read('a2')
  })

  it('does not wait for a dropped message', async () => {
    const { send, sender } = socketed({}, { maxMessageBytes: 2 })
    send('long')
    const flushed = sender.flushed()
    expect(await outcomeOf(flushed)).toBe('resolved')
  })
})

describe('finish()', () => {
  it('writes queued messages before it closes; unacknowledged ones are unconfirmed, and never sent again', async () => {
    const { bench, link, send, read, sender, clock } = socketed()
    send('a', 'b')
    await promised()
    read('a1')
    send('c')
    link.news()
    const flushed = sender.flushed()
    send('d')
    const finished = sender.finish((settled) => void settled?.then(() => link.written.push('closed')), 1000, '')
    expect(link.news()).toEqual(['m3:c', 'm4:d'])
    read('a2')
    clock.advance(5000)
    expect([await finished, await outcomeOf(flushed), clock.pending]).toEqual([
      { unsent: [], unconfirmed: ['c', 'd'] },
      'rejected',
      0,
    ])
    expect(link.news()).toEqual(['closed'])
    expect(bench.attach(new SessionSocketLink(), {}).news()).toEqual([])
  })

  it('resolves as soon as the server has acknowledged everything', async () => {
    const { link, send, read, sender, clock } = socketed()
    send('a')
    const flushed = sender.flushed()
    const finished = sender.finish((settled) => void settled?.then(() => link.written.push('closed')), 1000, '')
    await promised()
    expect(link.news()).toEqual(['m1:a'])
    read('a1')
    expect([await finished, await outcomeOf(flushed), clock.pending]).toEqual([{ unsent: [], unconfirmed: [] }, 'resolved', 0])
    expect(link.news()).toEqual(['closed'])
  })

  it('reports all unwritten messages as unsent if there is no link', async () => {
    const { send, sender } = sessionBench()
    send('a', 'b')
    const flushed = sender.flushed()
    expect(await sender.finish(() => {}, undefined, '')).toEqual({ unsent: ['a', 'b'], unconfirmed: [] })
    expect(await outcomeOf(flushed)).toBe('rejected')
  })

  it('leaves flushed() resolved if everything was acknowledged', async () => {
    const { send, read, sender } = socketed()
    send('a')
    await promised()
    const flushed = sender.flushed()
    read('a1')
    expect(await sender.finish(() => {}, 1000, '')).toEqual({ unsent: [], unconfirmed: [] })
    expect(await outcomeOf(flushed)).toBe('resolved')
  })

  it('reports messages that a full socket does not take as unsent', async () => {
    const { link, send, sender } = socketed()
    link.buffered = mebibyte
    send('a')
    expect(await sender.finish(() => {}, 1000, '')).toEqual({ unsent: ['a'], unconfirmed: [] })
  })

  it('[SP8] sends one last POST, which may outlive the page and ends the session', async () => {
    const { link, bodies, send, read, sender, clock } = await posted()
    send('a')
    const finished = sender.finish(() => {}, 3001, 'bye')
    expect(bodies()).toEqual(['M[1,"a"]\nx{"code":3001,"reason":"bye"}'])
    expect(link.posts.at(-1)?.isLast).toBe(true)
    read('a1', 'r1')
    link.posts.at(-1)?.settle({ outcome: 'sent' })
    expect([await finished, clock.pending]).toEqual([{ unsent: [], unconfirmed: [] }, 0])
  })

  it('[SP8] sends the last POST after the one in flight, and both have 5 s together', async () => {
    const { link, bodies, send, sender, pass, clock } = await posted()
    send('a')
    await promised()
    send('b')
    let left: unknown
    void sender
      .finish(() => {}, undefined, '')
      .then((result) => {
        left = result
      })
    await pass(2000)
    expect(bodies()).toEqual(['M[1,"a"]'])
    link.posts.at(-1)?.settle({ outcome: 'sent' })
    await pass(2999)
    expect(bodies().slice(1)).toEqual(['M[2,"b"]\nx{"code":1000,"reason":""}'])
    expect(left).toBeUndefined()
    await pass(1)
    expect([left, clock.pending]).toEqual([{ unsent: [], unconfirmed: ['a', 'b'] }, 0])
  })

  it('[SP8] sends a text without JSON if JSON would make it too long for a request that outlives the page', async () => {
    const { bodies, send, sender, link } = await posted()
    send('\0'.repeat(30_000), 'b'.repeat(30_000))
    const finished = sender.finish(() => {}, undefined, '')
    expect(bodies()).toEqual([`m1:${'\0'.repeat(30_000)}\nx{"code":1000,"reason":""}`])
    expect(link.posts.at(-1)?.isLast).toBe(true)
    link.posts.at(-1)?.settle({ outcome: 'sent' })
    await finished
  })

  it('[SP8] leaves messages that are too long out of the request that outlives the page, but not the end', async () => {
    const { bodies, send, sender, link } = await posted()
    send('x'.repeat(100_000), 'b')
    const finished = sender.finish(() => {}, undefined, '')
    expect(bodies()).toEqual(['x{"code":1000,"reason":""}'])
    link.posts.at(-1)?.settle({ outcome: 'sent' })
    expect(await finished).toEqual({ unsent: ['x'.repeat(100_000), 'b'], unconfirmed: [] })
  })
})

it('a link without `taken` begins with the unacknowledged messages', async () => {
  const { bench, send, sender } = socketed()
  send('a')
  await promised()
  sender.detach()
  const plain = new FakeSocketLink()
  bench.attach(plain, { resumed: true })
  expect(plain.written).toEqual(['m1:a'])
})
