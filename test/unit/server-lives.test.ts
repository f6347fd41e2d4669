import { describe, expect, it, vi } from 'vitest'
import type { Message } from '../../src/server/handlers.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import type { Ending } from '../../src/server/store/ports.ts'
import { promised } from '../support/manual-host.ts'
import { greetingOf, ServerBench, sessionId } from '../support/server-bench.ts'
import { tailOf } from '../support/store-calls.ts'

/** Handlers that record messages and the ends of sessions. */
function ends() {
  const seen: string[] = []
  const handlers = (node: number) => ({
    onMessage: (_: Session, { data }: Message) => void seen.push(`${node}: ${data}`),
    onEnd: (_: Session, { by, code, reason }: Ending) => void seen.push(`${node}: ${by} ${code} ${reason}`),
  })
  return { seen, handlers }
}

describe('[SP5] moving', () => {
  it('ends the older attachment when the client has confirmed the newer one, on any node', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const first = await bench.confirmed()
    const here = await bench.attach({ k: 2 })
    const there = await bench.attach({ k: 3 }, { node: 1 })
    expect([first, here, there].map(({ carrier }) => carrier.closed)).toEqual([null, null, null])
    there.attachment.receive('t2')
    await promised()
    expect(first.carrier.closed).toEqual({ code: 4409, reason: 'moved' })
    // Tentative attachments stay open.
    expect([here, there].map(({ carrier }) => carrier.closed)).toEqual([null, null])
    here.attachment.receive('t3')
    await promised()
    expect(there.carrier.closed).toMatchObject({ code: 4409 })
    expect(here.carrier.closed).toBeNull()
  })

  it('follows the turn, not the order of the dials', async () => {
    const bench = new ServerBench()
    const later = await bench.attach({ k: 5 })
    const earlier = await bench.attach({ k: 4 })
    later.attachment.receive('t1')
    earlier.attachment.receive('t2')
    await promised()
    expect([later.carrier.closed, earlier.carrier.closed]).toEqual([{ code: 4409, reason: 'moved' }, null])
    const late = await bench.attach({ k: 6 })
    late.attachment.receive('t1')
    await promised()
    expect([earlier.carrier.closed, late.carrier.closed]).toEqual([null, null])
    await bench.post([], { k: 6, turn: 1 })
    await bench.attach({ k: 7, turn: 1 })
    expect(earlier.carrier.closed).toBeNull()
    expect((await bench.store.sessions.read(sessionId))?.record).toMatchObject({ turn: 2, k: 4 })
  })

  it('delivers on both attachments until the newer one is confirmed', async () => {
    const bench = new ServerBench({ nodes: 2, handlers: { onSession: (session: Session) => session.subscribe('a') } })
    const first = await bench.confirmed()
    const cursor = `0.1~${first.carrier.open.epoch},1.0~${(await tailOf(bench.store.topics, 'a')).epoch}`
    const second = await bench.attach({ k: 2, cursor }, { node: 1 })
    await bench.at(0).publish('a', 'one')
    await promised()
    expect(first.carrier.news.at(-1)).toBe('1.1:one')
    expect(second.carrier.news).toEqual(['1.1:one'])
  })

  it('is confirmed by a POST that names the attachment', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const first = await bench.confirmed()
    const second = await bench.attach({ k: 2 }, { medium: 'stream' })
    await bench.post([], { k: 2, turn: 2 }, { node: 1 })
    await promised()
    expect(first.carrier.closed).toMatchObject({ code: 4409 })
    await bench.pass(14_000)
    expect(second.carrier.closed).toBeNull()
  })

  it('drops an attachment that is not confirmed in 10 s, and no other', async () => {
    const bench = new ServerBench()
    const first = await bench.confirmed()
    const second = await bench.attach({ k: 2 })
    await bench.pass(9000)
    first.attachment.receive('q')
    expect(second.carrier.closed).toBeNull()
    await bench.pass(2000)
    expect(second.carrier.closed).toMatchObject({ code: 4408 })
    expect(first.carrier.closed).toBeNull()
  })

  it('completes the held answer to a poll for the next one of the same dial, but refuses the second within a second', async () => {
    const bench = new ServerBench()
    const poll = () => bench.confirmed({ k: 1, wait: 10_000 }, { medium: 'answer' })
    const [first, second, third] = [await poll(), await poll(), await poll()]
    const moved = { code: 4409, reason: 'moved' }
    const closed = () => [first, second, third].map(({ carrier }) => carrier.closed)
    expect(closed()).toEqual(['complete', moved, null])
    await bench.pass(1000)
    await poll()
    expect(closed()).toEqual(['complete', moved, 'complete'])
  })
})

describe('[SP6] the heartbeat', () => {
  it('pings a client at least every heartbeatMs', async () => {
    const bench = new ServerBench()
    const { carrier, attachment } = await bench.confirmed()
    for (let times = 0; times < 8; times += 1) {
      await bench.pass(7500)
      attachment.receive('q')
    }
    expect(carrier.beats).toBeGreaterThanOrEqual(4)
    expect(carrier.closed).toBeNull()
  })

  it('pings a client from which nothing was received, whatever is written to it, and ends it without a pong', async () => {
    const bench = new ServerBench()
    const { carrier, attachment } = await bench.confirmed()
    const session = await bench.session()
    let answered = 0
    for (let seconds = 0; seconds < 300; seconds += 5) {
      await session.send('news that nobody has to answer')
      await bench.pass(5000)
      if (carrier.beats > answered) attachment.receive('q')
      answered = carrier.beats
    }
    expect(carrier.closed).toBeNull()
    expect(carrier.beats).toBeGreaterThanOrEqual(300 / 20)
    for (let seconds = 0; seconds < 33 && !carrier.closed; seconds += 3) {
      await session.send('more of it')
      await bench.pass(3000)
    }
    expect(carrier.closed).toMatchObject({ code: 4408, reason: 'nothing heard' })
  })

  it('needs at most three ticks for an idle client between two pongs', async () => {
    const bench = new ServerBench()
    const { attachment } = await bench.confirmed()
    const tick = vi.spyOn(attachment, 'tick')
    for (let times = 0; times < 20; times += 1) {
      await bench.pass(15_000)
      attachment.receive('q')
    }
    expect(tick.mock.calls.length).toBeLessThanOrEqual(3 * 20)
  })

  it.each([
    ['websocket', 30_000, 33_000],
    ['stream', 60_000, 63_000],
  ] as const)('ends a %s from which nothing is received', async (medium, stays, goes) => {
    const bench = new ServerBench()
    const { carrier } = await bench.confirmed({}, { medium })
    await bench.pass(stays)
    expect(carrier.closed).toBeNull()
    await bench.pass(goes - stays)
    expect(carrier.closed).toMatchObject({ code: 4408 })
  })

  it('counts the bytes of an unfinished message as a sign of life', async () => {
    const bench = new ServerBench()
    const { carrier } = await bench.confirmed()
    for (let times = 0; times < 6; times += 1) {
      carrier.bytesIn += 1
      await bench.pass(20_000)
    }
    expect(carrier.closed).toBeNull()
    await bench.pass(33_000)
    expect(carrier.closed).toMatchObject({ code: 4408 })
  })

  it('counts a POST to another node as a sign of life of an event stream', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const { carrier } = await bench.confirmed({}, { medium: 'stream' })
    for (let times = 0; times < 6; times += 1) {
      await bench.pass(30_000)
      expect(await bench.post([], {}, { node: 1 })).toEqual({ taken: 0, ack: 0 })
    }
    expect(carrier.closed).toBeNull()
    await bench.pass(63_000)
    expect(carrier.closed).toMatchObject({ code: 4408 })
  })

  it('ends a stream whose socket takes nothing for 30 s, or longer with bytes in flight', async () => {
    const bench = new ServerBench()
    const { carrier } = await bench.confirmed({}, { medium: 'stream' })
    carrier.takes = false
    await bench.pass(29_000)
    expect(carrier.closed).toBeNull()
    await bench.pass(3000)
    expect(carrier.closed).toMatchObject({ code: 4408 })
    const slow = await bench.confirmed({ turn: 2, k: 2 }, { medium: 'stream' })
    await (await bench.session()).send('x'.repeat(200_000))
    await promised()
    slow.carrier.takes = false
    await bench.pass(45_000)
    expect(slow.carrier.closed).toBeNull()
    await bench.pass(10_000)
    expect(slow.carrier.closed).toMatchObject({ code: 4408 })
  })

  it('answers a ping with a pong', async () => {
    const bench = new ServerBench()
    const { carrier, attachment } = await bench.confirmed()
    attachment.receive('p')
    expect(carrier.news).toEqual(['q'])
  })
})

describe('[SP8] a session', () => {
  it("ends once with the client's close, after the messages sent before it", async () => {
    const { seen, handlers } = ends()
    const bench = new ServerBench({ nodes: 2, handlers })
    const { attachment } = await bench.confirmed()
    const other = await bench.attach({ k: 2 }, { node: 1 })
    attachment.receive('M[1,"one","two"]')
    attachment.ended({ by: 'client', code: 1000, reason: 'bye' })
    await bench.pass(1000)
    expect(seen).toEqual(['0: one', '0: two', '0: client 1000 bye'])
    expect(other.carrier.closed).toEqual({ code: 1000, reason: 'bye' })
    const late = await bench.attach({ k: 3 }, { node: 1 })
    expect(late.carrier.closed).toEqual({ code: 4410, reason: 'bye' })
    await bench.pass(130_000)
    expect(seen).toHaveLength(3)
    const anew = await bench.attach({ k: 4, n: 3 })
    expect(anew.carrier.open).toMatchObject({ resumed: false, taken: 2 })
  })

  it.each([4000, 1001, 1005, 1006])('does not end when an attachment ends with %i', async (code) => {
    const { seen, handlers } = ends()
    const bench = new ServerBench({ handlers })
    const { attachment } = await bench.confirmed()
    attachment.ended({ by: code === 1006 ? 'network' : 'client', code, reason: '' })
    await bench.pass(100_000)
    expect(seen).toEqual([])
    const { carrier } = await bench.attach({ k: 2 })
    expect(carrier.open.resumed).toBe(true)
  })

  it('is ended by an `x` in a POST, while an `x` with 4000 ends only the attachment', async () => {
    const { seen, handlers } = ends()
    const bench = new ServerBench({ handlers })
    const first = await bench.confirmed({}, { medium: 'stream' })
    await bench.post(['M[1,"one"]', 'x{"code":4000}'])
    await promised()
    expect(first.carrier.closed).toBe('complete')
    expect(seen).toEqual(['0: one'])
    await bench.confirmed({ k: 2, turn: 2 }, { medium: 'stream' })
    const receipt = bench.post(['M[2,"two"]', 'x{"code":1000,"reason":"bye"}'])
    await bench.pass(20)
    // No later answer could tell the client that all its messages are done.
    expect(await receipt).toEqual({ taken: 2, ack: 2 })
    expect(seen).toEqual(['0: one', '0: two', '0: client 1000 bye'])
  })

  it('[SP8] is ended at once by a POST of a client that is not attached, on any node', async () => {
    const { seen, handlers } = ends()
    const bench = new ServerBench({ nodes: 2, handlers })
    const { attachment } = await bench.confirmed()
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(5000)
    const receipt = bench.post(['M[1,"bye"]', 'x{"code":1000,"reason":"bye"}'], {}, { node: 1 })
    await bench.pass(20)
    expect(await receipt).toEqual({ taken: 1, ack: 1 })
    expect(seen).toEqual(['1: bye', '1: client 1000 bye'])
  })

  it('[SP8] reports its end to a POST only when the client has read the messages sent before', async () => {
    const bench = new ServerBench()
    const { carrier } = await bench.confirmed({}, { medium: 'stream' })
    const { epoch } = carrier.open
    const session = await bench.session()
    await session.send('last words')
    await session.close(4001, 'kicked')
    await bench.pass(10)
    expect(await bench.post(['m1:unread'], { cursor: `0.0~${epoch}` })).toMatchObject({ code: 4503 })
    expect(await bench.post(['m1:read'], { cursor: `0.1~${epoch}` })).toMatchObject({ code: 4001, reason: 'kicked' })
  })

  it('[SP13] is not ended by a POST of another principal', async () => {
    const { seen, handlers } = ends()
    const bench = new ServerBench({ handlers })
    const { attachment } = await bench.confirmed()
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    expect(await bench.post(['x{"code":1000}'], {}, { principal: 'bob' })).toMatchObject({ code: 4400 })
    await bench.pass(5000)
    expect(seen).toEqual([])
  })

  it('ends with session.close() after the messages sent before, and reports the end to later attachments', async () => {
    const { seen, handlers } = ends()
    const bench = new ServerBench({ nodes: 2, handlers })
    const { carrier } = await bench.confirmed()
    const session = await bench.session(sessionId, 1)
    session.send('last words')
    expect(await session.close(4321, 'kicked')).toBe(true)
    expect(await session.close(4322)).toBe(false)
    await bench.pass(1000)
    expect(carrier.news).toEqual(['0.1:last words'])
    expect(carrier.closed).toEqual({ code: 4321, reason: 'kicked' })
    expect(seen).toEqual(['1: server 4321 kicked'])
    // A client that has not read all messages receives the rest first.
    for (const medium of ['websocket', 'answer'] as const) {
      const late = await bench.attach({ k: 2 }, { medium })
      expect([late.carrier.news, late.carrier.closed]).toEqual([['0.1:last words'], { code: 4321, reason: 'kicked' }])
      const last = await bench.attach({ k: 3, cursor: `0.1~${late.carrier.open.epoch}` }, { medium })
      expect([last.carrier.frames, last.carrier.closed]).toEqual([[], { code: 4321, reason: 'kicked' }])
    }
    expect(await session.send('nobody')).toBe(false)
    expect(await bench.at(0).session(sessionId)).toBeNull()
  })

  it.each([true, false])(
    'acknowledges the message whose handler ends it, and those taken before the end, with onEnd: %s',
    async (hasOnEnd) => {
      const seen: string[] = []
      const handled: string[] = []
      const onEnd = (_: Session, { by, code, reason }: Ending) => void seen.push(`${by} ${code} ${reason}`)
      const bench = new ServerBench({
        handlers: {
          ...(hasOnEnd && { onEnd }),
          async onMessage(session, { data }) {
            handled.push(String(data))
            if (data !== 'log out') return
            await session.close(4321, 'bye')
            await new Promise<void>((resolve) => void bench.clock.after(500, resolve))
            handled.push('logged out')
          },
        },
      })
      const { carrier, attachment } = await bench.confirmed()
      for (const line of ['m1:hello', 'm2:log out', 'm3:taken before the end']) attachment.receive(line)
      await bench.pass(2000)
      expect(handled).toEqual(['hello', 'log out', 'logged out', 'taken before the end'])
      expect(carrier.closed).toEqual({ code: 4321, reason: 'bye' })
      expect(carrier.frames.filter((each) => /^a/.test(String(each))).at(-1)).toBe('a3')
      expect(seen).toEqual(hasOnEnd ? ['server 4321 bye'] : [])
      await bench.pass(60_000)
      expect(bench.at(0).sessionsHere).toBe(0)
    },
  )

  it('expires when its client has not returned for resumeWindowMs, and is forgotten', async () => {
    const { seen, handlers } = ends()
    const bench = new ServerBench({ nodes: 2, handlers })
    const { attachment } = await bench.confirmed()
    await bench.pass(20_000)
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(119_000)
    expect(seen).toEqual([])
    await bench.pass(4000)
    expect(seen).toEqual(['0: network 4408 expired'])
    await bench.pass(60_000)
    expect(await bench.store.sessions.read(sessionId)).toBeNull()
    const { carrier } = await bench.attach({ k: 2 })
    expect(carrier.open.resumed).toBe(false)
  })

  it('stays as long as its client is attached, and survives the death of its node', async () => {
    const { seen, handlers } = ends()
    const bench = new ServerBench({ nodes: 2, handlers })
    const { attachment, carrier } = await bench.confirmed()
    for (let times = 0; times < 30; times += 1) {
      await bench.pass(20_000)
      attachment.receive('q')
    }
    expect(carrier.closed).toBeNull()
    // All but 1 s of the time between two renewals.
    await bench.pass(20_000)
    attachment.receive('q')
    await bench.pass(19_000)
    bench.kill(0)
    await bench.pass(119_000)
    const second = await bench.attach({ k: 2 }, { node: 1 })
    expect(second.carrier.open.resumed).toBe(true)
    second.attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(170_000)
    expect(seen).toEqual(['1: network 4408 expired'])
  })

  it('is forgotten after 15 s if it was never confirmed', async () => {
    const { seen, handlers } = ends()
    const bench = new ServerBench({ handlers })
    const { carrier } = await bench.attach()
    await bench.pass(17_000)
    expect(carrier.closed).toMatchObject({ code: 4408 })
    expect(seen).toEqual(['0: network 4408 expired'])
  })

  it.each([0, 50])('runs onEnd once after requests that settle with the end, with a store that takes %i ms', async (storeMs) => {
    const ended: string[] = []
    const bench = new ServerBench({
      storeMs,
      handlers: {
        onRequest: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('late'))),
        onEnd: (_, { reason }) => void ended.push(reason),
      },
    })
    const { attachment } = await bench.confirmed()
    await bench.pass(1000)
    for (const n of [1, 2, 3]) attachment.receive(`C${n}:{"type":"request"}`)
    await bench.pass(1000)
    const closing = bench.session().then((session) => session.close(4410, 'over'))
    await bench.pass(20_000)
    await closing
    expect(ended).toEqual(['over'])
    expect((await bench.store.sessions.read(sessionId))?.record.lease ?? null).toBeNull()
  })

  it.each(['onSession', 'onEnd'] as const)('runs %s once if it settles while the record is being written', async (name) => {
    const ran: string[] = []
    const handler = () => {
      ran.push(name)
      return new Promise<void>((resolve) => bench.clock.after(1020, resolve))
    }
    const bench: ServerBench = new ServerBench({ storeMs: 50, handlers: { [name]: handler } })
    const opening = bench.confirmed()
    await bench.pass(500)
    await opening
    if (name === 'onEnd') {
      const closing = bench.session().then((session) => session.close(4410, 'over'))
      await bench.pass(500)
      await closing
    }
    // Each of these writes the record, so that one write is under way when the handler settles.
    for (let n = 2; n < 80; n += 1) {
      bench.attach({ k: n, turn: n }).catch(() => {})
      await bench.pass(20)
    }
    await bench.pass(5000)
    expect(ran).toEqual([name])
  })

  it('runs onEnd on another node if the first node died while it ran', async () => {
    const seen: number[] = []
    const bench = new ServerBench({
      nodes: 2,
      handlers: (node) => ({
        onEnd() {
          seen.push(node)
          return node === 0 ? new Promise(() => {}) : undefined
        },
      }),
    })
    const { attachment } = await bench.confirmed()
    attachment.ended({ by: 'client', code: 1000, reason: '' })
    await promised()
    bench.kill(0)
    await bench.pass(130_000)
    expect(seen).toEqual([0, 1])
    await bench.pass(130_000)
    expect(await bench.store.sessions.read(sessionId)).toBeNull()
  })
})

describe('[SP4] a lost session', () => {
  it('is created again under its id, with the numbers that the client names', async () => {
    const seen: string[] = []
    const bench = new ServerBench({
      handlers: {
        onMessage: (_: Session, { id, redelivered }: Message) => void seen.push(`${id.n}${redelivered ? ' again' : ''}`),
      },
    })
    const { carrier, attachment } = await bench.attach({ n: 8, last: 9, cursor: '0.12~old,3.4~k7' })
    expect(carrier.open).toMatchObject({ resumed: false, taken: 7, ack: 7 })
    attachment.receive('M[8,"a","b","c"]')
    await bench.pass(100)
    expect(seen).toEqual(['8 again', '9 again', '10'])
    await (await bench.session()).send('first of its life')
    await promised()
    expect(carrier.news.at(-1)).toBe('0.1:first of its life')
  })

  it.each([
    ['does not know of the loss yet', { last: 8, cursor: '0.12~old' }],
    ['knows of the loss', { last: 9, before: 8 }],
  ])('created by an outdated hello learns which messages are redelivered from a later one that %s', async (_, later) => {
    const seen: string[] = []
    const bench = new ServerBench({
      nodes: 2,
      handlers: {
        onMessage: (_: Session, { id, redelivered }: Message) => void seen.push(`${id.n}${redelivered ? ' again' : ''}`),
      },
    })
    await bench.attach({ n: 8, last: 7, cursor: '0.12~old' })
    expect(await bench.post(['M[8,"a","b"]'], { n: 8, ...later }, { node: 1 })).toMatchObject({ taken: 9 })
    await promised()
    expect(seen).toEqual(['8 again', '9'])
  })

  it('created by an outdated hello learns which messages are redelivered from the turn of a WebSocket', async () => {
    const seen: string[] = []
    const bench = new ServerBench({
      handlers: {
        onMessage: (_: Session, { id, redelivered }: Message) => void seen.push(`${id.n}${redelivered ? ' again' : ''}`),
      },
    })
    const { attachment } = await bench.attach({ n: 8, last: 7, cursor: '0.12~old' })
    attachment.receive('t1.9')
    attachment.receive('M[8,"a","b","c"]')
    await bench.pass(100)
    expect(seen).toEqual(['8 again', '9 again', '10'])
    // A turn that is no news still tells what was written before.
    attachment.receive('t1.12')
    attachment.receive('M[11,"d"]')
    await bench.pass(100)
    expect(seen.at(-1)).toBe('11 again')
  })

  it('acknowledges nothing in the answer to a POST whose client does not know of the loss', async () => {
    const bench = new ServerBench({ handlers: { onRequest: () => 'reply' } })
    const { carrier } = await bench.attach({ n: 8, last: 7, cursor: '0.12~old' })
    const request = 'C8:{"type":"request","data":"a"}'
    expect(await bench.post([request], { n: 8, cursor: '0.12~old' })).toEqual({ taken: 8, ack: 7 })
    await bench.pass(100)
    expect(await bench.post([], { n: 8, cursor: '0.12~old' })).toEqual({ taken: 8, ack: 7 })
    const { epoch } = carrier.open
    expect(await bench.post([], { n: 8, cursor: `0.1~${epoch}` })).toEqual({ taken: 8, ack: 8, answeredAt: 1 })
  })

  it('is not resumed for a client whose cursor has another epoch', async () => {
    const bench = new ServerBench()
    await bench.confirmed()
    const { carrier } = await bench.attach({ k: 2, cursor: '0.12~old' })
    expect(carrier.open.resumed).toBe(false)
  })

  it('ends the attachments of a removed record with 4503', async () => {
    const bench = new ServerBench()
    const { carrier } = await bench.confirmed()
    const read = await bench.store.sessions.read(sessionId)
    await bench.store.sessions.remove(sessionId, read?.version ?? 0)
    await promised()
    expect(carrier.closed).toMatchObject({ code: 4503 })
  })
})

describe('[SP13] trust', () => {
  it("refuses another principal's attachment to a session, and its POST", async () => {
    const bench = new ServerBench({ nodes: 2 })
    const own = await bench.confirmed()
    await (await bench.session()).send('secret')
    const other = await bench.attach({ k: 2, turn: 9 }, { principal: 'bob', node: 1 })
    expect(other.carrier.closed).toMatchObject({ code: 4400 })
    expect(other.carrier.frames).toEqual([])
    expect(await bench.post(['M[1,"forged"]'], { turn: 9 }, { principal: 'bob' })).toMatchObject({ code: 4400 })
    const read = await bench.store.sessions.read(sessionId)
    expect(read?.record).toMatchObject({ turn: 1, taken: 0, principalId: 'ann' })
    expect(own.carrier.closed).toBeNull()
  })
})

describe('[SP13] a client that is refused by a node which does not know its session', () => {
  it('loses its attachments at the other nodes', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const { carrier } = await bench.confirmed()
    bench.at(1).revoke(greetingOf({ k: 2 }))
    await bench.pass(100)
    expect(carrier.closed).toMatchObject({ code: 4401 })
  })

  it('costs the store at most fifty reads a second, whatever sessions are named', async () => {
    const bench = new ServerBench({ nodes: 2 })
    let reads = 0
    const { sessions } = bench.store
    const read = sessions.read.bind(sessions)
    vi.spyOn(sessions, 'read').mockImplementation((id) => {
      reads += 1
      return read(id)
    })
    for (let n = 0; n < 200; n += 1) bench.at(1).revoke(greetingOf({ session: `unknown-session-${String(n).padStart(6, '0')}` }))
    await bench.pass(100)
    expect(reads).toBe(50)
    await bench.pass(1000)
    bench.at(1).revoke(greetingOf({ session: 'unknown-session-999999' }))
    await bench.pass(100)
    expect(reads).toBe(51)
    await bench.pass(2000)
    expect(bench.at(1).sessionsHere).toBe(0)
  })
})

describe('[SP16] autopsy', () => {
  it('is left out of `open` once a newer attachment is confirmed', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const { attachment } = await bench.confirmed()
    attachment.ended({ by: 'client', code: 1001, reason: 'away' })
    await promised()
    const second = await bench.confirmed({ k: 2, turn: 2 }, { node: 1 })
    expect(second.carrier.open.lastEnd).toBeUndefined()
    const third = await bench.attach({ k: 3 })
    expect(third.carrier.open.lastEnd).toBeUndefined()
  })

  it('is part of the `open` of an attachment that is not confirmed yet', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const { attachment } = await bench.confirmed()
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await promised()
    const second = await bench.attach({ k: 2 }, { node: 1 })
    expect(second.carrier.open.lastEnd).toEqual({ by: 'network', code: 1006, reason: '' })
  })
})

describe('[SP18] the retry window', () => {
  const others = (count: number) => Array.from({ length: count }, (_, n) => `another-session-${n}`.padEnd(22, '-'))

  it('is part of `open`, and is not sent again when more sessions attach', async () => {
    const bench = new ServerBench({ limits: { attachmentsPerSecond: 10 } })
    const { carrier, attachment } = await bench.confirmed()
    expect(carrier.open.retryWindowMs).toBe(100)
    for (const session of others(4)) await bench.confirmed({ session })
    await bench.pass(3000)
    attachment.receive('q')
    expect(carrier.news).toEqual([])
    expect((await bench.confirmed({ session: 'one-more-session------' })).carrier.open.retryWindowMs).toBe(600)
  })

  it('is never longer than half of the resume window, nor than 30 s', async () => {
    for (const [resumeWindowMs, maxMs] of [
      [20_000, 10_000],
      [120_000, 30_000],
    ] as const) {
      const bench = new ServerBench({ limits: { attachmentsPerSecond: 1 }, settings: { resumeWindowMs } })
      let last = 0
      for (const session of others(60)) last = (await bench.confirmed({ session })).carrier.open.retryWindowMs
      expect(last).toBe(maxMs)
    }
  })

  it('two seconds’ worth of clients are admitted at once, and each of the others gets a wait of its own', () => {
    const bench = new ServerBench({ limits: { attachmentsPerSecond: 100 } })
    const node = bench.at(0)
    const waits = others(400).map((session) => node.admit(greetingOf({ session }))?.retryAfterMs ?? 0)
    expect(waits.filter((wait) => wait === 0)).toHaveLength(200)
    const told = waits.filter((wait) => wait > 0)
    expect(new Set(told).size).toBe(200)
    expect(Math.max(...told)).toBeLessThanOrEqual(2010)
  })

  it('is at least 50 ms', async () => {
    const bench = new ServerBench({ limits: { attachmentsPerSecond: 1000 } })
    expect((await bench.attach()).carrier.open.retryWindowMs).toBe(50)
  })
})

describe('close()', () => {
  it('closes each attachment with 4503 and a retryAfterMs, and waits for running handlers', async () => {
    let finish = () => {}
    const bench = new ServerBench({
      nodes: 2,
      handlers: () => ({
        onMessage: () =>
          new Promise<void>((resolve) => {
            finish = resolve
          }),
      }),
    })
    const { carrier, attachment } = await bench.confirmed()
    attachment.receive('m1:one')
    await promised()
    let isClosed = false
    const closing = bench
      .at(0)
      .close(5000)
      .then(() => {
        isClosed = true
      })
    expect(carrier.closed).toEqual({ code: 4503, reason: 'restarting', retryAfterMs: 2500 })
    expect((await bench.attach({ k: 2 })).carrier.closed).toMatchObject({ code: 4503 })
    await bench.pass(1000)
    expect(isClosed).toBe(false)
    finish()
    await bench.pass(100)
    await closing
    const later = await bench.attach({ k: 2 }, { node: 1 })
    expect(later.carrier.open).toMatchObject({ resumed: true, taken: 1, ack: 1 })
    await bench.at(1).close(0)
    expect(bench.clock.pending).toBe(0)
  })
})
