import { describe, expect, it } from 'vitest'
import type { Handlers, Message } from '../../src/server/handlers.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import { promised } from '../support/manual-host.ts'
import { ServerBench, sessionId } from '../support/server-bench.ts'

/** A handler that records each message, and settles when the test calls `release()`. */
function gate() {
  const seen: string[] = []
  const waiting: (() => void)[] = []
  const handlers = (node: number): Handlers => ({
    onMessage(_: Session, { id, redelivered }: Message) {
      seen.push(`${node}:${id.n}${redelivered ? ' again' : ''}`)
      return new Promise<void>((resolve) => void waiting.push(resolve))
    },
  })
  return {
    seen,
    handlers,
    async release() {
      waiting.shift()?.()
      await promised()
    },
  }
}

/** A handler that records each message, and settles at once. */
function notes() {
  const seen: string[] = []
  const handlers = (node: number): Handlers => ({
    onMessage: (_: Session, { data, id, redelivered }: Message) =>
      void seen.push(
        `${node}:${id.n}:${typeof data === 'string' ? data : `[${[...new Uint8Array(data)]}]`}${redelivered ? ' again' : ''}`,
      ),
  })
  return { seen, handlers }
}

const acks = (news: readonly string[]) => news.filter((each) => /^[ar]\d/.test(each))

describe('[SP2] a node', () => {
  it('takes each number once, whichever attachment sends it', async () => {
    const { seen, handlers } = notes()
    const bench = new ServerBench({ handlers })
    const first = await bench.confirmed()
    const second = await bench.attach({ k: 2 })
    first.attachment.receive('m1:one')
    first.attachment.receive('M[2,"two","three"]')
    second.attachment.receive('M[1,"one","two"]')
    second.attachment.receive('M[3,"three","four"]')
    first.attachment.receive(new Uint8Array([53, 10, 1, 2]))
    await bench.pass(100)
    expect(seen).toEqual(['0:1:one', '0:2:two', '0:3:three', '0:4:four', '0:5:[1,2]'])
    expect(acks(first.carrier.news).at(-1)).toBe('a5')
    expect(acks(second.carrier.news).at(-1)).toBe('a5')
  })

  it('keeps its lease when the store answers a renewal of an earlier stay of the client late', async () => {
    const { seen, handlers, release } = gate()
    const bench = new ServerBench({ nodes: 2, handlers, settings: { resumeWindowMs: 6000 } })
    const { sessions } = bench.store
    const renew = sessions.renew.bind(sessions)
    const late: (() => void)[] = []
    sessions.renew = async (ids, until) => {
      await new Promise<void>((resolve) => void late.push(resolve))
      return renew(ids, until)
    }
    const { attachment } = await bench.confirmed()
    await bench.pass(5000)
    expect(late.length).toBeGreaterThan(0)
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(1500)
    expect(bench.at(0).sessionsHere).toBe(0)
    const back = await bench.confirmed({ k: 2, turn: 2 })
    back.attachment.receive('M[1,"one","two"]')
    await bench.pass(100)
    for (const answer of late) answer()
    await bench.pass(100)
    const read = await sessions.read(sessionId)
    expect(read?.record).toMatchObject({ taken: 2, lease: { node: expect.any(String) } })
    await release()
    await bench.confirmed({ k: 3, turn: 3 }, { node: 1 })
    await bench.pass(100)
    expect(seen).toEqual(['0:1', '0:2'])
  })

  it('treats a number that is too high as a protocol error, of that attachment alone', async () => {
    const { seen, handlers } = notes()
    const bench = new ServerBench({ handlers })
    const first = await bench.confirmed()
    const second = await bench.attach({ k: 2 })
    second.attachment.receive('m2:two')
    await bench.pass(100)
    expect(second.carrier.closed).toMatchObject({ code: 4400 })
    expect(first.carrier.closed).toBeNull()
    expect(seen).toEqual([])
  })

  it('runs one handler after the other, and acknowledges handled messages', async () => {
    const { seen, handlers, release } = gate()
    const bench = new ServerBench({ handlers })
    const { carrier, attachment } = await bench.confirmed()
    attachment.receive('M[1,"a","b","c"]')
    await bench.pass(1000)
    expect([seen, acks(carrier.news)]).toEqual([['0:1'], []])
    await release()
    await bench.pass(1000)
    expect([seen, acks(carrier.news)]).toEqual([['0:1', '0:2'], ['a1']])
    await release()
    await release()
    await bench.pass(1000)
    expect([seen, acks(carrier.news).at(-1)]).toEqual([['0:1', '0:2', '0:3'], 'a3'])
  })

  it('counts a withdrawn message as done', async () => {
    const { seen, handlers } = notes()
    const bench = new ServerBench({ handlers })
    const { carrier, attachment } = await bench.confirmed()
    for (const frame of ['m1:one', 'w2', 'm3:three']) attachment.receive(frame)
    await bench.pass(100)
    expect(seen).toEqual(['0:1:one', '0:3:three'])
    expect(acks(carrier.news).at(-1)).toBe('a3')
  })

  it('reports a handler that throws or rejects, and counts its message as done', async () => {
    const bench = new ServerBench({
      handlers: {
        onMessage(_: Session, { id }: Message) {
          if (id.n === 1) throw new Error('thrown')
          return Promise.reject(new Error('rejected'))
        },
      },
    })
    const { carrier, attachment } = await bench.confirmed()
    attachment.receive('M[1,"a","b"]')
    await bench.pass(100)
    expect(bench.reported.map(String)).toEqual(['Error: thrown', 'Error: rejected'])
    expect(acks(carrier.news).at(-1)).toBe('a2.2')
  })

  it('leaves no timer when it is halted while a handler runs', async () => {
    const { handlers, release } = gate()
    const bench = new ServerBench({ handlers })
    const { attachment } = await bench.confirmed()
    attachment.receive('m1:one')
    await promised()
    bench.at(0).halt()
    await release()
    expect(bench.clock.nextAt).toBe(Infinity)
  })

  it('takes no message until another node has handled those that it took', async () => {
    const { seen, handlers, release } = gate()
    const bench = new ServerBench({ nodes: 2, handlers })
    const first = await bench.confirmed()
    const second = await bench.attach({ k: 2 }, { node: 1 })
    first.attachment.receive('m1:one')
    await promised()
    second.attachment.receive('M[1,"one","two"]')
    // Far longer than a lease: the node that runs the handler renews its lease.
    await bench.pass(60_000)
    expect(seen).toEqual(['0:1'])
    await release()
    await bench.pass(0)
    expect(seen).toEqual(['0:1', '1:2'])
    await release()
    await bench.pass(100)
    expect(bench.reported).toEqual([])
  })

  it('has the client send messages again that a dead node had taken, and marks them as redelivered', async () => {
    const { seen, handlers, release } = gate()
    const bench = new ServerBench({ nodes: 2, handlers })
    const first = await bench.confirmed()
    first.attachment.receive('M[1,"one","two","three"]')
    await promised()
    await release()
    bench.kill(0)
    const { carrier, attachment } = await bench.attach({ k: 2, n: 1, turn: 2 }, { node: 1 })
    expect(carrier.open).toMatchObject({ taken: 3, ack: 1 })
    attachment.receive('m4:four')
    await bench.pass(9000)
    expect(seen).toEqual(['0:1', '0:2'])
    await bench.pass(2000)
    expect(acks(carrier.news)).toEqual(['r1'])
    // The client sent this before it received `r1`: it is ignored.
    attachment.receive('m5:five')
    attachment.receive('M[2,"two","three","four","five","six"]')
    // The first release is for the handler of the dead node.
    for (const _ of [2, 2, 3, 4, 5, 6]) {
      await promised()
      await release()
    }
    await bench.pass(100)
    expect(carrier.closed).toBeNull()
    expect(seen).toEqual(['0:1', '0:2', '1:2 again', '1:3 again', '1:4', '1:5', '1:6'])
    expect(acks(carrier.news).at(-1)).toBe('a6')
  })

  it('lets `taken` fall back to `ack` in an `open` after the lease of a dead node has expired', async () => {
    const { seen, handlers } = gate()
    const bench = new ServerBench({ nodes: 2, handlers })
    const first = await bench.confirmed()
    first.attachment.receive('M[1,"one","two"]')
    await promised()
    bench.kill(0)
    await bench.pass(20_000)
    const { carrier, attachment } = await bench.attach({ k: 2 }, { node: 1 })
    expect(carrier.open).toMatchObject({ resumed: true, taken: 0, ack: 0 })
    attachment.receive('m1:one')
    await promised()
    expect(seen).toEqual(['0:1', '1:1 again'])
  })

  it('ignores the results of a node that was stalled for longer than its lease', async () => {
    const { seen, handlers, release } = gate()
    let isStalled = false
    const bench = new ServerBench({ nodes: 2, handlers, isStalled: (node) => node === 0 && isStalled })
    const first = await bench.confirmed()
    first.attachment.receive('M[1,"one","two"]')
    await promised()
    isStalled = true
    await bench.pass(12_000)
    const { carrier, attachment } = await bench.attach({ k: 2 }, { node: 1 })
    expect(carrier.open.taken).toBe(0)
    attachment.receive('M[1,"one","two"]')
    await promised()
    expect(seen).toEqual(['0:1', '1:1 again'])
    isStalled = false
    await bench.pass(2000)
    // The stalled node settles the handler that it had begun, which no longer counts, and runs no other one.
    await release()
    await bench.pass(2000)
    expect(seen).toEqual(['0:1', '1:1 again'])
    expect(acks(carrier.news)).toEqual([])
    await release()
    await release()
    await bench.pass(2000)
    expect(seen).toEqual(['0:1', '1:1 again', '1:2 again'])
    expect(acks(carrier.news).at(-1)).toBe('a2')
  })

  it('begins no handler once its lease has run out, while the store does not answer', async () => {
    const { seen, handlers, release } = gate()
    let isStalled = false
    const bench = new ServerBench({ handlers, isStalled: () => isStalled })
    const { carrier, attachment } = await bench.confirmed()
    attachment.receive('M[1,"one","two"]')
    await promised()
    isStalled = true
    await bench.pass(12_000)
    await release()
    await promised()
    expect(seen).toEqual(['0:1'])
    isStalled = false
    await bench.pass(2000)
    expect(seen).toEqual(['0:1', '0:2'])
    await release()
    await bench.pass(2000)
    expect(acks(carrier.news).at(-1)).toBe('a2')
  })

  it('takes messages while another node changes the session', async () => {
    const { seen, handlers } = notes()
    const bench = new ServerBench({ nodes: 2, handlers })
    const { carrier, attachment } = await bench.confirmed()
    const session = await bench.session(sessionId, 1)
    await session.update(0)
    for (let n = 1; n <= 50; n += 1) {
      attachment.receive(`m${n}:x`)
      session.update((count: number) => count + 1)
      if (n % 3 === 0) await Promise.resolve()
    }
    await bench.pass(1000)
    expect(seen).toEqual(Array.from({ length: 50 }, (_, index) => `0:${index + 1}:x`))
    expect([acks(carrier.news).at(-1), session.data, carrier.closed]).toEqual(['a50', 50, null])
  })

  it.each(['before', 'after', 'conflict'] as const)(
    'takes messages that arrive while a handler runs once, if the store fails (%s)',
    async (when) => {
      const { seen, handlers, release } = gate()
      const bench = new ServerBench({ handlers })
      const { carrier, attachment } = await bench.confirmed()
      attachment.receive('m1:one')
      await promised()
      bench.fail('write', when)
      attachment.receive('M[2,"two","three"]')
      await bench.pass(3000)
      for (const _ of [1, 2, 3]) await release()
      await bench.pass(3000)
      expect(seen).toEqual(['0:1', '0:2', '0:3'])
      expect(acks(carrier.news).at(-1)).toBe('a3')
      expect(bench.reported).toHaveLength(when === 'conflict' ? 0 : 1)
    },
  )

  it('handles messages again that it takes again after it lost its lease in the middle of them', async () => {
    const { seen, handlers, release } = gate()
    let isStalled = false
    const bench = new ServerBench({ nodes: 2, handlers, isStalled: (node) => node === 0 && isStalled })
    const { carrier, attachment } = await bench.confirmed()
    attachment.receive('M[1,"one","two"]')
    await promised()
    isStalled = true
    await bench.pass(12_000)
    await bench.attach({ k: 2 }, { node: 1 })
    isStalled = false
    await bench.pass(1000)
    expect(acks(carrier.news)).toEqual(['r0'])
    attachment.receive('M[1,"one","two"]')
    await bench.pass(100)
    expect(seen).toEqual(['0:1'])
    await release()
    expect(seen).toEqual(['0:1', '0:1 again'])
    await release()
    await release()
    await bench.pass(1000)
    expect(seen).toEqual(['0:1', '0:1 again', '0:2 again'])
    expect(acks(carrier.news).at(-1)).toBe('a2')
  })

  it.each(['before', 'after'] as const)('handles each message once if the store fails (%s it has written)', async (when) => {
    const { seen, handlers } = notes()
    const bench = new ServerBench({ handlers })
    const { carrier, attachment } = await bench.confirmed()
    bench.fail('write', when)
    attachment.receive('M[1,"one","two"]')
    await bench.pass(3000)
    expect(seen).toEqual(['0:1:one', '0:2:two'])
    expect(acks(carrier.news).at(-1)).toBe('a2')
    bench.fail('write', when, 2)
    attachment.receive('m3:three')
    await bench.pass(5000)
    expect(seen).toEqual(['0:1:one', '0:2:two', '0:3:three'])
    expect(acks(carrier.news).at(-1)).toBe('a3')
    expect(bench.reported).toHaveLength(3)
  })
})

describe('[SP2] a POST with messages', () => {
  it('is no protocol error if it follows messages whose taking was undone', async () => {
    const { seen, handlers } = notes()
    let isStalled = false
    const bench = new ServerBench({ nodes: 2, handlers, isStalled: (node) => node === 0 && isStalled })
    await bench.confirmed()
    // The store writes, but the node does not get the answer.
    bench.fail('write', 'after')
    const unheard = bench.post(['M[1,"one","two"]'])
    await promised()
    isStalled = true
    await bench.pass(2000)
    expect(await unheard).toMatchObject({ ack: 0 })
    expect(await bench.post([], {}, { node: 1 })).toEqual({ taken: 2, ack: 0 })
    const early = bench.post(['m3:three'])
    isStalled = false
    await bench.pass(3000)
    expect([await early, seen]).toEqual([{ taken: 0, ack: 0 }, []])
    expect(await bench.post(['M[5,"five"]'])).toMatchObject({ code: 4400 })
    expect(await bench.post(['M[1,"one","two"]', 'm3:three'])).toMatchObject({ taken: 3 })
    await bench.pass(1000)
    expect(seen).toEqual(['0:1:one', '0:2:two', '0:3:three'])
    // From now on a gap in the numbers is a protocol error again.
    expect(await bench.post(['M[5,"five"]'], { n: 4 })).toMatchObject({ code: 4400 })
  })

  it('is answered when all its messages are taken, on any node', async () => {
    const { seen, handlers } = notes()
    const bench = new ServerBench({ nodes: 2, handlers })
    await bench.confirmed()
    expect(await bench.post(['M[1,"a","b"]', 'b3:AQI='])).toMatchObject({ taken: 3 })
    expect(await bench.post(['M[3,"c","d"]', 'w5'], { n: 4 }, { node: 1 })).toMatchObject({ taken: 5 })
    await promised()
    expect(await bench.post([], { n: 6 }, { node: 1 })).toEqual({ taken: 5, ack: 5 })
    expect(seen).toEqual(['0:1:a', '0:2:b', '0:3:[1,2]', '1:4:d'])
  })

  it('is answered after two seconds with what has been taken, if another node holds the lease', async () => {
    const { seen, handlers, release } = gate()
    const bench = new ServerBench({ nodes: 2, handlers })
    await bench.confirmed()
    await bench.post(['m1:one'])
    const receipt = bench.post(['M[2,"two"]'], {}, { node: 1 })
    await bench.pass(2000)
    expect(await receipt).toEqual({ taken: 1, ack: 0 })
    await release()
    await bench.pass(1000)
    // A message that the answer reported as not taken is not taken later.
    expect(seen).toEqual(['0:1'])
    expect(await bench.post(['M[2,"two"]'], {}, { node: 1 })).toMatchObject({ taken: 2 })
  })

  it('is refused if a number is missing, a line malformed, a message too large, or the session unknown', async () => {
    const { seen, handlers } = notes()
    const bench = new ServerBench({ handlers, limits: { maxMessageBytes: 4 } })
    await bench.confirmed()
    expect(await bench.post(['M[2,"b"]'])).toMatchObject({ code: 4400 })
    expect(await bench.post(['M[1,"a"]', 'M[2'])).toMatchObject({ code: 4400 })
    expect(await bench.post(['M[1,"ééé"]'])).toMatchObject({ code: 4413 })
    expect(await bench.post(['M[1,"a"]'], { session: 'another-session-of-you' })).toMatchObject({ code: 4503 })
    expect(seen).toEqual([])
    expect(await bench.post(['M[1,"éé"]'])).toMatchObject({ taken: 1 })
  })
})

describe('onSession', () => {
  it('runs once, before any message is handled, when two nodes attach the client at the same time', async () => {
    const seen: string[] = []
    let begin = () => {}
    const bench = new ServerBench({
      nodes: 2,
      handlers: (node) => ({
        onSession(session: Session) {
          seen.push(`begin ${node} ${session.id} ${session.principal.id}`)
          return new Promise<void>((resolve) => {
            begin = resolve
          })
        },
        onMessage: () => void seen.push(`message ${node}`),
      }),
    })
    const [first, second] = await Promise.all([bench.attach(), bench.attach({ k: 2 }, { node: 1 })])
    expect(first?.carrier.open.epoch).toBe(second?.carrier.open.epoch)
    first?.attachment.receive('t1')
    first?.attachment.receive('m1:one')
    await bench.pass(20_000)
    expect(seen).toEqual([`begin 0 ${sessionId} ann`])
    begin()
    await bench.pass(100)
    expect(seen).toEqual([`begin 0 ${sessionId} ann`, 'message 0'])
  })

  it('runs again on another node if the first node died while it ran', async () => {
    const seen: number[] = []
    const bench = new ServerBench({
      nodes: 2,
      handlers: (node) => ({
        onSession() {
          seen.push(node)
          return node === 0 ? new Promise(() => {}) : undefined
        },
      }),
    })
    await bench.confirmed()
    bench.kill(0)
    const { carrier } = await bench.attach({ k: 2, turn: 2 }, { node: 1 })
    await bench.pass(11_000)
    expect(seen).toEqual([0, 1])
    expect(carrier.closed).toBeNull()
  })
})
