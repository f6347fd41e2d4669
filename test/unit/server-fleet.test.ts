import { describe, expect, it } from 'vitest'
import type { Handlers } from '../../src/server/handlers.ts'
import { RealtimeServer } from '../../src/server/index.ts'
import { ServerBench } from '../support/server-bench.ts'

const other = 'another-session-of-ann'

function presence(): { readonly seen: string[]; readonly handlers: (node: number) => Handlers } {
  const seen: string[] = []
  return {
    seen,
    handlers: (node) => ({
      onAttach: (session) => seen.push(`${node}: attached ${session.isAttached}`),
      onDetach: (session, { by, code }) => seen.push(`${node}: detached ${session.isAttached} ${by} ${code}`),
    }),
  }
}

describe('onAttach and onDetach', () => {
  it('are called when the client attaches, detaches and returns, on the node that notices it', async () => {
    const { seen, handlers } = presence()
    const bench = new ServerBench({ nodes: 2, handlers })
    const { attachment } = await bench.confirmed()
    await bench.pass(10)
    expect(seen).toEqual(['0: attached true'])
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(10)
    expect(seen.slice(1)).toEqual(['0: detached false network 1006'])
    await bench.confirmed({ k: 2, turn: 2 }, { node: 1 })
    await bench.pass(10)
    expect(seen.slice(2)).toEqual(['1: attached true'])
  })

  it('are not called while the client moves to another node or transport', async () => {
    const { seen, handlers } = presence()
    const bench = new ServerBench({ nodes: 2, handlers })
    const first = await bench.confirmed()
    const second = await bench.attach({ k: 2 }, { node: 1, medium: 'stream' })
    await bench.post([], { k: 2, turn: 2 }, { node: 0 })
    await bench.pass(10)
    expect(first.carrier.closed).toMatchObject({ code: 4409 })
    expect(second.carrier.closed).toBeNull()
    expect(seen).toEqual(['0: attached true'])
  })

  it('onDetach is called with 4408 for a client that fell silent', async () => {
    const { seen, handlers } = presence()
    const bench = new ServerBench({ handlers })
    await bench.confirmed()
    await bench.pass(35_000)
    expect(seen).toEqual(['0: attached true', '0: detached false server 4408'])
  })

  it('onDetach is called once at the end of the session, on the node that ended it', async () => {
    const { seen, handlers } = presence()
    const bench = new ServerBench({ nodes: 2, handlers })
    await bench.confirmed()
    const session = await bench.session(undefined, 1)
    expect(session.isAttached).toBe(true)
    await session.close(4001, 'kicked')
    await bench.pass(1000)
    expect(seen).toEqual(['0: attached true', '1: detached false server 4001'])
  })

  it('report their errors to onError, and these do not close the attachment', async () => {
    const bench = new ServerBench({
      handlers: {
        onAttach: () => {
          throw new Error('in onAttach')
        },
        onDetach: () => Promise.reject(new Error('in onDetach')),
      },
    })
    const { attachment, carrier } = await bench.confirmed()
    expect(carrier.closed).toBeNull()
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(10)
    expect(bench.reported.map(String)).toEqual(['Error: in onAttach', 'Error: in onDetach'])
  })
})

describe('the sessions of a principal', () => {
  it("are listed, sent to and ended on every node, without affecting another principal's", async () => {
    const bench = new ServerBench({ nodes: 3 })
    const mine = [await bench.confirmed(), await bench.confirmed({ session: other }, { node: 1 })]
    const bob = await bench.confirmed({ session: 'the-session-of-bob-xxx' }, { node: 1, principal: 'bob' })
    const node = bench.at(2)
    expect((await node.ofPrincipal.of('ann')).map(({ id }) => id).sort()).toEqual(['a-session-of-the-tests', other].sort())
    expect(await node.ofPrincipal.of('nobody')).toEqual([])
    expect(await node.ofPrincipal.send('ann', 'hello')).toBe(2)
    await bench.pass(10)
    for (const { carrier } of mine) expect(carrier.news).toContain('0.1:hello')
    expect(await node.ofPrincipal.end('ann', 4001, 'signed out')).toBe(2)
    await bench.pass(1000)
    for (const { carrier } of mine) expect(carrier.closed).toEqual({ code: 4001, reason: 'signed out' })
    expect(bob.carrier.closed).toBeNull()
    expect(bob.carrier.news).toEqual([])
    expect(await node.ofPrincipal.of('ann')).toEqual([])
    expect(await node.ofPrincipal.end('ann')).toBe(0)
  })

  it.each([
    [() => new ServerBench().at(0).ofPrincipal.end('ann', 1000), 'end() takes a code from 4000'],
    [() => new ServerBench().at(0).ofPrincipal.end(7 as never), 'end() takes the id of a principal'],
    [() => publish({ key: '' }), 'publish() takes a key of 1 to 256 characters; it was a string of 0.'],
    [() => publish({ key: 'k'.repeat(257) }), 'publish() takes a key of 1 to 256 characters; it was a string of 257.'],
    [() => publish({ key: 7 }), 'publish() takes a key of 1 to 256 characters; it was a number.'],
    [() => publish({ key: 'k\ud800' }), 'the key of publish() must be well-formed Unicode; it has a lone surrogate'],
    [() => new ServerBench().at(0).publish('news\udc00', 'x'), 'the topic of publish() must be well-formed Unicode'],
    [() => new ServerBench().at(0).presence('news\ud800'), 'the topic of presence() must be well-formed Unicode'],
    [() => new ServerBench().at(0).ofPrincipal.of('ann\ud800'), "the principal's id of sessionsOf() must be well-formed"],
    [() => subscribe({}, 'news\ud800'), 'the topic of session.subscribe() must be well-formed Unicode'],
    [() => publish({ kee: 'order 7' }), "publish(): unknown option 'kee'; did you mean 'key'? There is key."],
    [() => publish(null), 'publish() takes options as an object; it was null.'],
    [() => publish('order 7'), 'publish() takes options as an object; it was a string.'],
    [() => subscribe({ sinse: 'start' }), "session.subscribe(): unknown option 'sinse'; did you mean 'since'? There is since."],
    [() => subscribe(null), 'session.subscribe() takes options as an object; it was null.'],
    [() => subscribe('start'), 'session.subscribe() takes options as an object; it was a string.'],
  ])('wrong arguments are refused: %s', async (run, message) => {
    await expect(async () => run()).rejects.toThrow(message)
  })
})

function publish(options: unknown): Promise<number> {
  return new ServerBench().at(0).publish('news', 'x', options as never)
}

async function subscribe(options: unknown, topic = 'news'): Promise<unknown> {
  const bench = new ServerBench()
  await bench.confirmed()
  return (await bench.session()).subscribe(topic, options as never)
}

describe('publications', () => {
  it('with the same key are one message until the window for keys has passed', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const first = await bench.at(0).publish('news', 'once', { key: 'order 7' })
    expect(await bench.at(1).publish('news', 'twice', { key: 'order 7' })).toBe(first)
    expect(await bench.at(1).publish('other', 'once', { key: 'order 7' })).toBe(1)
    expect(await bench.at(1).publish('news', 'next')).toBe(first + 1)
    await bench.pass(130_000)
    expect(await bench.at(1).publish('news', 'much later', { key: 'order 7' })).toBe(first + 2)
  })

  it('are kept up to the number and the age that `keep` returns', async () => {
    const keep = (topic: string) => (topic === 'few' ? { messages: 3 } : topic === 'short' ? { ageMs: 1000 } : {})
    const bench = new ServerBench({ settings: { keep } })
    for (const topic of ['few', 'short', 'all']) for (let n = 1; n <= 5; n += 1) await bench.at(0).publish(topic, String(n))
    await bench.pass(2000)
    for (const topic of ['few', 'short', 'all']) await bench.at(0).publish(topic, '6')
    const { topics } = bench.store
    const limits = { maxMessages: 10, maxBytes: 1000 }
    const kept = async (topic: string) => (await topics.readAfter(topic, 0, limits)).messages.map(({ data }) => data)
    expect([await kept('few'), await kept('short'), await kept('all')]).toEqual([
      ['4', '5', '6'],
      ['6'],
      ['1', '2', '3', '4', '5', '6'],
    ])
  })
})

it('`keep` cannot return a promise, and one that rejects does not end the process', async () => {
  for (const keep of [async () => ({ messages: 1 }), () => Promise.reject(new Error('no database'))]) {
    const server = new RealtimeServer({ keep: keep as () => object })
    await expect(async () => server.publish('news', 'x')).rejects.toThrow(
      "RealtimeServer: keep('news') must be an object of messages and ageMs, returned at once; it was a promise.",
    )
    await server.close()
  }
  await new Promise((resolve) => setImmediate(resolve))
})

describe('subscribe({ since })', () => {
  it.each([
    ['an offset', 3, ['4', '5', '6', 'live']],
    ["'start'", 'start' as const, ['1', '2', '3', '4', '5', '6', 'live']],
    ['the last two messages', { last: 2 }, ['5', '6', 'live']],
    ['more messages than there are', { last: 100 }, ['1', '2', '3', '4', '5', '6', 'live']],
    ['no position', undefined, ['live']],
    ['an offset of a log that was lost', 1000, ['1', '2', '3', '4', '5', '6', 'live']],
  ])('delivers publications since %s, and later ones', async (_, since, expected) => {
    const bench = new ServerBench()
    const { carrier } = await bench.confirmed()
    for (let n = 1; n <= 6; n += 1) await bench.at(0).publish('news', String(n))
    const session = await bench.session()
    expect(await session.subscribe('news', { since })).toBe(true)
    await bench.at(0).publish('news', 'live')
    await bench.pass(10)
    const texts = carrier.news.filter((each) => each.startsWith('1.')).map((each) => each.slice(each.indexOf(':') + 1))
    expect(texts).toEqual(expected)
    expect(carrier.news.filter((each) => each.startsWith('g'))).toEqual([])
  })

  it("reports a gap if messages after the offset are no longer kept, and none from 'start'", async () => {
    const bench = new ServerBench({ settings: { keep: () => ({ messages: 2 }) } })
    const { carrier } = await bench.confirmed()
    const { carrier: second } = await bench.confirmed({ session: other })
    for (let n = 1; n <= 6; n += 1) await bench.at(0).publish('news', String(n))
    await (await bench.session()).subscribe('news', { since: 1 })
    await (await bench.session(other)).subscribe('news', { since: 'start' })
    await bench.pass(10)
    expect(carrier.news.filter((each) => each.startsWith('g'))).toHaveLength(1)
    expect(second.news.filter((each) => each.startsWith('g'))).toEqual([])
    for (const each of [carrier, second]) expect(each.news.filter((one) => one.startsWith('1.'))).toEqual(['1.5:5', '1.6:6'])
  })

  it('takes several topics at once, and leaves existing subscriptions as they are', async () => {
    const bench = new ServerBench()
    const { carrier } = await bench.confirmed()
    const session = await bench.session()
    await session.subscribe('a')
    expect(await session.subscribe(['a', 'b', 'c', 'b'])).toBe(true)
    for (const topic of ['a', 'b', 'c']) await bench.at(0).publish(topic, `in ${topic}`)
    await bench.pass(10)
    expect(carrier.news.filter((each) => each.includes('in '))).toEqual(['1.1:in a', '2.1:in b', '3.1:in c'])
    expect(() => session.subscribe(['a', ''])).toThrow('takes a topic of 1 to 1,024 characters')
    expect(() => session.subscribe('a', { since: -1 })).toThrow('takes `since` as an offset')
    expect(() => session.subscribe('a', { since: { last: 1.5 } })).toThrow('takes `since` as an offset')
  })
})
