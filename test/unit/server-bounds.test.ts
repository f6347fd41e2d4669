import { describe, expect, it } from 'vitest'
import { Backlog } from '../../src/server/session/backlog.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import { Queue } from '../../src/server/util/queue.ts'
import { promised } from '../support/manual-host.ts'
import { FakeCarrier, greetingOf, ServerBench, sessionId } from '../support/server-bench.ts'

const overheadBytes = 64

/** Handlers whose promises settle when the test calls `release()`. */
function held() {
  const seen: string[] = []
  const waiting: (() => void)[] = []
  return {
    seen,
    handlers: {
      onMessage(session: Session, message: { readonly data: string | ArrayBuffer }) {
        seen.push(`${session.id}:${String(message.data).slice(0, 10)}`)
        return new Promise<void>((resolve) => waiting.push(resolve))
      },
    },
    async release() {
      for (const settle of waiting.splice(0)) settle()
      await promised()
    },
  }
}

const idOf = (n: number) => `a-session-of-the-test${String.fromCharCode(97 + n)}`
const texts = (count: number, text = '') => Array.from({ length: count }, () => text)
const frameOf = (first: number, list: readonly string[]) => `M${JSON.stringify([first, ...list])}`

describe('[SP13] the bound of unhandled messages', () => {
  it('applies to a session: a frame that would exceed it is refused as a whole', async () => {
    const { seen, handlers, release } = held()
    const bench = new ServerBench({ handlers, limits: { maxUnhandledBytes: 4 * (overheadBytes + 10) } })
    const { carrier, attachment } = await bench.confirmed()
    attachment.receive(frameOf(1, texts(3, 'x'.repeat(10))))
    attachment.receive(frameOf(4, texts(2, 'x'.repeat(10))))
    await promised()
    expect(carrier.closed).toMatchObject({ code: 4429, reason: 'too much is not handled yet', retryAfterMs: expect.any(Number) })
    const back = await bench.attach({ k: 2, turn: 2 })
    expect(back.carrier.open).toMatchObject({ taken: 3, ack: 0 })
    for (let times = 0; times < 3; times += 1) await release()
    expect(seen).toHaveLength(3)
    back.attachment.receive(frameOf(4, texts(2, 'x'.repeat(10))))
    await promised()
    expect(back.carrier.closed).toBeNull()
  })

  it.each([
    ['empty messages', frameOf(1, texts(1001))],
    ['withdrawn messages', Array.from({ length: 1001 }, (_, n) => `w${n + 1}`).join('\n')],
  ])('counts %s with the overhead of each', async (_, lines) => {
    const seen: unknown[] = []
    const limits = { maxUnhandledBytes: 1000 * overheadBytes }
    const bench = new ServerBench({ handlers: { onMessage: (_session, { id }) => void seen.push(id) }, limits })
    await bench.confirmed()
    expect(await bench.post(lines.split('\n'))).toMatchObject({ code: 4429 })
    expect(seen).toEqual([])
    const { carrier } = await bench.attach({ k: 2, turn: 2 })
    expect(carrier.open).toMatchObject({ taken: 0 })
  })

  it('refuses a frame of 1,300,000 empty messages before a handler runs', async () => {
    const seen: unknown[] = []
    const bench = new ServerBench({ handlers: { onMessage: (_session, { id }) => void seen.push(id) }, isDirect: true })
    const { carrier, attachment } = await bench.confirmed()
    attachment.receive(`M[1${',""'.repeat(1_300_000)}]`)
    await promised()
    expect(carrier.closed).toMatchObject({ code: 4429 })
    expect(seen).toEqual([])
  })

  it('admits a message that is larger than itself if no other message waits', async () => {
    const { seen, handlers } = held()
    const limits = { maxUnhandledBytes: 10, unhandledBytesPerPrincipal: 10, unhandledBytesPerNode: 10 }
    const bench = new ServerBench({ handlers, limits })
    const { carrier, attachment } = await bench.confirmed()
    attachment.receive(`m1:${'x'.repeat(100)}`)
    await promised()
    expect([seen.length, carrier.closed]).toEqual([1, null])
    attachment.receive('m2:y')
    expect(carrier.closed).toMatchObject({ code: 4429 })
  })

  it('applies to a principal over all its sessions, and is freed by messages that are handled or lost', async () => {
    const { handlers, release } = held()
    const cost = overheadBytes + 36
    const bench = new ServerBench({ handlers, limits: { unhandledBytesPerPrincipal: 4 * cost } })
    const text = 'x'.repeat(36)
    const [first, second, other] = [
      await bench.confirmed({ session: idOf(0) }),
      await bench.confirmed({ session: idOf(1) }),
      await bench.confirmed({ session: idOf(2) }, { principal: 'bob' }),
    ]
    first.attachment.receive(frameOf(1, texts(2, text)))
    expect(await Promise.race([bench.post([frameOf(1, texts(2, text))], { session: idOf(1) })])).toMatchObject({ taken: 2 })
    expect(await bench.post([frameOf(3, [text])], { session: idOf(1) })).toMatchObject({ code: 4429 })
    expect(second.carrier.closed).toBeNull()
    other.attachment.receive(frameOf(1, texts(4, text)))
    expect(other.carrier.closed).toBeNull()
    await release()
    expect(await bench.post([frameOf(3, texts(2, text))], { session: idOf(1) })).toMatchObject({ taken: 4 })
    expect(await bench.post([frameOf(5, [text])], { session: idOf(1) })).toMatchObject({ code: 4429 })
    // The store loses one of the sessions, and with it the messages that wait there.
    const read = await bench.store.sessions.read(idOf(1))
    await bench.store.sessions.remove(idOf(1), read?.version ?? 0)
    await bench.pass(1000)
    first.attachment.receive(frameOf(3, texts(3, text)))
    expect(first.carrier.closed).toBeNull()
  })

  it('leaves room on the node for principals with few waiting messages when others fill the rest', () => {
    const backlog = new Backlog({ unhandledBytesPerPrincipal: 1_000_000, unhandledBytesPerNode: 4_096_000 }, true)
    const takenBy = (name: string, bytes: number) => {
      const share = backlog.of(name, '')
      let taken = 0
      for (; share.fits(2, bytes); taken += bytes) share.add(bytes)
      return taken
    }
    const greedy = Array.from({ length: 20 }, (_, n) => takenBy(`greedy ${n}`, 1001))
    expect(greedy.slice(0, 3)).toEqual([999_999, 999_999, 999_999])
    expect(backlog.bytes).toBeLessThanOrEqual(0.75 * 4_096_000)
    expect(Array.from({ length: 1000 }, (_, n) => takenBy(`modest ${n}`, 100))).toEqual(Array.from({ length: 1000 }, () => 1000))
    for (let n = 0; n < 100; n += 1) takenBy(`more ${n}`, 100)
    expect(backlog.bytes).toBeLessThanOrEqual(4_096_000)
  })

  it('forgets a principal without waiting messages, and counts sessions separately without principals', () => {
    const backlog = new Backlog({ unhandledBytesPerPrincipal: 100, unhandledBytesPerNode: 1000 }, false)
    const one = backlog.of('anonymous', 'a')
    one.add(400)
    expect(one.fits(2, 200)).toBe(true)
    expect(backlog.of('anonymous', 'b')).not.toBe(one)
    const again = backlog.of('anonymous', 'a')
    expect(again).toBe(one)
    again.leave()
    one.add(-400)
    one.leave()
    expect(backlog.of('anonymous', 'a')).not.toBe(one)
    expect(backlog.bytes).toBe(0)
  })

  it('counts messages, not frames, for messagesPerSecond', async () => {
    const bench = new ServerBench({ limits: { messagesPerSecond: 10 } })
    const { carrier, attachment } = await bench.confirmed()
    attachment.receive(frameOf(1, texts(40)))
    expect(carrier.closed).toBeNull()
    await bench.pass(1000)
    expect(await bench.post([frameOf(41, texts(11))])).toMatchObject({ code: 4429, reason: 'too many messages' })
    expect(await bench.post([frameOf(41, texts(10))])).toMatchObject({ taken: 50 })
    attachment.receive('m51:x')
    expect(carrier.closed).toMatchObject({ code: 4429, reason: 'too many messages' })
  })

  it('is freed of the messages of a POST that gave up waiting for another node', async () => {
    const { handlers, release, seen } = held()
    const bench = new ServerBench({ nodes: 2, handlers, limits: { maxUnhandledBytes: 10 * overheadBytes } })
    await bench.confirmed()
    await bench.post(['m1:'])
    // Node 0 runs a handler: each POST waits for two seconds, and occupies nothing afterwards.
    for (let times = 0; times < 30; times += 1) {
      const receipt = bench.post([frameOf(2, texts(4))], {}, { node: 1 })
      await bench.pass(2000)
      expect(await receipt).toEqual({ taken: 1, ack: 0 })
    }
    await release()
    await bench.pass(1000)
    expect(await bench.post([frameOf(2, texts(4))], {}, { node: 1 })).toMatchObject({ taken: 5 })
    expect(seen).toHaveLength(2)
  })
})

describe('[SP13] attachments of a session', () => {
  it('count against attachmentsPerSession before the store has answered', async () => {
    let isStalled = false
    const bench = new ServerBench({ isStalled: () => isStalled, limits: { attachmentsPerSession: 3 } })
    isStalled = true
    const made = []
    for (let k = 1; k <= 5; k += 1) made.push(await bench.attach({ k, wait: 1000 }, { medium: 'answer' }))
    expect(made.map(({ carrier }) => carrier.closed && carrier.closed !== 'complete' && carrier.closed.code)).toEqual([
      null,
      null,
      null,
      4429,
      4429,
    ])
    isStalled = false
    await bench.pass(2000)
    expect((await bench.attach({ k: 6 })).carrier.open.k).toBe(6)
  })
})

describe('a long batch', () => {
  /** Handlers that each block the process for 5 ms. */
  function slow() {
    const seen: string[] = []
    const bench: ServerBench = new ServerBench({
      handlers: {
        onMessage(session: Session, { data }) {
          seen.push(`${session.id.at(-1)}${data}`)
          bench.clock.sleep(5)
        },
      },
      isDirect: true,
    })
    return { bench, seen }
  }

  it('is handled in slices, so that other sessions are served and acknowledgments sent in between', async () => {
    const { bench, seen } = slow()
    const long = await bench.confirmed({ session: idOf(0) })
    const lone = await bench.confirmed({ session: idOf(1) })
    long.attachment.receive(frameOf(1, texts(100, 'x')))
    expect(seen.length).toBeLessThanOrEqual(32)
    lone.attachment.receive('m1:y')
    expect(seen.at(-1)).toBe('by')
    await bench.pass(0)
    expect(seen.length).toBeLessThan(100)
    await bench.pass(2000)
    expect(seen.filter((each) => each === 'ax')).toHaveLength(100)
    await bench.pass(100)
    const acks = long.carrier.news.filter((frame) => /^a\d/.test(frame))
    expect(acks.length).toBeGreaterThan(1)
    expect(acks.at(-1)).toBe('a100')
  })

  it('is handled within a time slice that all sessions share', async () => {
    const { bench, seen } = slow()
    const all = []
    for (let n = 0; n < 10; n += 1) all.push(await bench.confirmed({ session: idOf(n) }))
    for (const { attachment } of all) attachment.receive(frameOf(1, texts(40, 'x')))
    const atFirst = seen.length
    // A session that has begun checks the time after sixteen messages at the latest.
    expect(atFirst).toBeLessThanOrEqual(32 + 9 * 16)
    bench.clock.runNext()
    await promised()
    expect(seen.length - atFirst).toBeLessThanOrEqual(16)
    await bench.pass(10_000)
    expect(seen).toHaveLength(400)
    for (let n = 0; n < 10; n += 1) expect(seen.filter((each) => each.startsWith(idOf(n).slice(-1)))).toHaveLength(40)
  })

  it('of frames that arrived with the hello is handled in order, and before later frames', async () => {
    const { bench, seen } = slow()
    const carrier = new FakeCarrier('stream')
    const attachment = bench.at(0).attach({ hello: greetingOf({ turn: 1 }), principal: { id: 'ann' } }, carrier)
    for (let n = 1; n <= 60; n += 1) attachment.receive(`m${n}:${n}`)
    await promised()
    expect(seen.length).toBeLessThan(60)
    attachment.receive('m61:61')
    await bench.pass(1000)
    expect(seen.map((each) => Number(each.slice(1)))).toEqual(Array.from({ length: 61 }, (_, n) => n + 1))
    expect(carrier.closed).toBeNull()
  })

  it('in one POST is answered when all its lines have been processed', async () => {
    const { bench, seen } = slow()
    await bench.confirmed()
    const lines = Array.from({ length: 5000 }, (_, n) => (n % 100 === 99 ? `m${(n + 1) / 100}:x` : 'p'))
    const receipt = bench.post(lines)
    await bench.pass(1000)
    expect(await receipt).toMatchObject({ taken: 50 })
    expect(seen).toHaveLength(50)
  })

  it('is not handled further once its node has died', async () => {
    const { bench, seen } = slow()
    const { attachment } = await bench.confirmed()
    attachment.receive(frameOf(1, texts(100, 'x')))
    const before = seen.length
    bench.kill(0)
    await bench.pass(1000)
    expect([seen.length, bench.clock.pending, bench.reported]).toEqual([before, 0, []])
  })
})

describe('a Queue', () => {
  it('keeps its length and its first entries through push() and drop()', () => {
    const queue = new Queue<number>()
    expect([queue.length, queue.first]).toEqual([0, undefined])
    for (let n = 0; n < 10; n += 1) queue.push(n)
    expect(queue.peek(3)).toEqual([0, 1, 2])
    for (const left of [9, 7, 4, 0]) {
      queue.drop(queue.length - left)
      expect(queue.peek(Infinity)).toEqual(Array.from({ length: left }, (_, n) => 10 - left + n))
    }
    queue.drop(5)
    queue.push(7)
    expect([queue.length, queue.first]).toEqual([1, 7])
  })
})

/** The cost of four times the size divided by that of the size, each the best of three. */
async function growth(run: (size: number) => Promise<number>, size: number): Promise<number> {
  await run(4 * size)
  const best = async (each: number) => Math.min(await run(each), await run(each), await run(each))
  return (await best(4 * size)) / (await best(size))
}

/** For four times the size, quadratic costs grow by 16 and linear ones by 4. */
const linear = 9

async function timed(run: () => unknown): Promise<number> {
  const since = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

describe('CPU time grows linearly with the number of', { timeout: 120_000 }, () => {
  const limits = {
    framesPerSecond: 1e9,
    messagesPerSecond: 1e9,
    maxUnhandledBytes: 1e9,
    unhandledBytesPerNode: 4e9,
    unhandledBytesPerPrincipal: 1e9,
  }

  it.each<[string, number, (size: number) => Promise<number>]>([
    [
      'lines that arrive with the hello',
      50_000,
      async (size) => {
        const bench = new ServerBench({ limits, isDirect: true })
        const attachment = bench.at(0).attach({ hello: greetingOf(), principal: { id: 'ann' } }, new FakeCarrier('answer'))
        return timed(async () => {
          for (let n = 0; n < size; n += 1) attachment.receive('p')
          await promised()
        })
      },
    ],
    [
      'messages in a frame that skips numbers',
      20_000,
      async (size) => {
        const bench = new ServerBench({ limits, isDirect: true })
        const { attachment, carrier } = await bench.confirmed()
        const ms = await timed(() => {
          attachment.receive(frameOf(5, texts(size)))
          return bench.pass(1)
        })
        expect(carrier.closed).toMatchObject({ code: 4400 })
        return ms
      },
    ],
    [
      'frames received while onSession runs',
      10_000,
      async (size) => {
        const bench = new ServerBench({ limits, isDirect: true, handlers: { onSession: () => new Promise(() => {}) } })
        const { attachment } = await bench.confirmed()
        return timed(async () => {
          for (let n = 1; n <= size; n += 1) attachment.receive(`m${n}:`)
          await promised()
        })
      },
    ],
    [
      'frames received while another node holds the lease',
      10_000,
      async (size) => {
        const handlers = { onMessage: () => new Promise(() => {}) }
        const bench = new ServerBench({ nodes: 2, limits, isDirect: true, handlers })
        await bench.confirmed()
        await bench.post(['m1:x'])
        const { attachment } = await bench.attach({ k: 2 }, { node: 1 })
        return timed(async () => {
          for (let n = 2; n <= size; n += 1) attachment.receive(`m${n}:`)
          await promised()
        })
      },
    ],
    [
      'POSTs to an unknown session',
      6000,
      async (size) => {
        const bench = new ServerBench({ limits, isDirect: true })
        return timed(() => Promise.all(Array.from({ length: size }, () => bench.post(['m1:x']))))
      },
    ],
    [
      'session.update() calls in one task',
      10_000,
      async (size) => {
        const bench = new ServerBench({ limits })
        await bench.confirmed()
        const session = await bench.session()
        return timed(() => Promise.all(Array.from({ length: size }, (_, n) => session.update(n))))
      },
    ],
    [
      'session.send() calls in one task',
      20_000,
      async (size) => {
        const bench = new ServerBench({ limits, isDirect: true, store: { maxMessagesPerStream: 1e6 } })
        await bench.confirmed()
        const session = await bench.session()
        return timed(() => Promise.all(Array.from({ length: size }, () => session.send('x'))))
      },
    ],
  ])('%s', async (_, size, run) => {
    let grown = Number.POSITIVE_INFINITY
    // A garbage collection may distort one measurement, but hardly three in a row.
    for (let times = 0; times < 3 && grown >= linear; times += 1) grown = Math.min(grown, await growth(run, size))
    expect(grown).toBeLessThan(linear)
  })
})

it('a session with 256 subscriptions receives the publications of every topic', async () => {
  const bench = new ServerBench({ isDirect: true })
  const { carrier } = await bench.confirmed()
  const session = await bench.session(sessionId)
  const topics = Array.from({ length: 256 }, (_, n) => `topic ${n}`)
  await Promise.all(topics.map((topic) => session.subscribe(topic)))
  await promised()
  for (const topic of topics) await bench.at(0).publish(topic, topic)
  await promised()
  expect(new Set(carrier.news.filter((each) => /:topic/.test(each)).map((each) => each.replace(/^\d+\.1:/, '')))).toEqual(
    new Set(topics),
  )
})
