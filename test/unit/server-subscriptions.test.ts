import { describe, expect, it } from 'vitest'
import type { Handlers } from '../../src/server/handlers.ts'
import type { ClientCall } from '../../src/wire/calls.ts'
import { type FakeCarrier, ServerBench, sessionId } from '../support/server-bench.ts'

type Allowed = Awaited<ReturnType<NonNullable<Handlers['onSubscribe']>>>

const other = 'bob'.padEnd(22, '_')

/** A server with presence that allows what `allowed` returns; its first session is attached. */
async function rig({
  allowed = () => true,
  onSession,
}: {
  readonly allowed?: (topic: string) => Allowed
  readonly onSession?: Handlers['onSession']
} = {}) {
  const bench = new ServerBench({
    handlers: { onSubscribe: (_, topic) => allowed(topic), ...(onSession && { onSession }) },
    settings: { presence: ({ id }) => (id === other ? 'bob' : 'ann') },
  })
  const { carrier, attachment } = await bench.confirmed()
  let n = 0
  const call = async (each: ClientCall) => {
    n += 1
    attachment.receive(`C${n}:${JSON.stringify(each)}`)
    await bench.pass(100)
    return n
  }
  /** Another session joins the topic. */
  const joins = async (topic: string) => {
    await bench.confirmed({ session: other })
    await (await bench.session(other)).subscribe(topic)
    await bench.pass(100)
  }
  return { bench, carrier, call, joins, session: await bench.session() }
}

/** What the client has received of topics, as it shows it: `name 3:text`, `name ends`, `reply 2`, `error 2 forbidden`. */
function shown({ news }: FakeCarrier): string[] {
  const names = new Map<string, string>()
  return news.flatMap((each) => {
    if (each[0] === 's' || each[0] === 'u') {
      const { stream, topic = names.get(String(stream)) } = JSON.parse(each.slice(1))
      names.set(String(stream), topic)
      return each[0] === 's' ? [] : [`${topic} ends`]
    }
    if (each.startsWith('C')) {
      const { to, type, code } = JSON.parse(each.slice(each.indexOf(':') + 1))
      return [[type, to, code].join(' ').trim()]
    }
    const [, stream = '', rest = ''] = /^(\d+)\.(.*)$/s.exec(each) ?? []
    const name = names.get(stream)
    const at = rest.indexOf(':')
    const text = rest.slice(at + 1)
    return name === undefined ? [] : [`${name} ${text[0] === '{' ? JSON.parse(text).type : `${rest.slice(0, at)}:${text}`}`]
  })
}

/** The epoch of the first session's record. */
async function lifeOf(bench: ServerBench) {
  return (await bench.store.sessions.read(sessionId))?.record.epoch
}

async function topicsOf(bench: ServerBench) {
  const read = await bench.store.sessions.read(sessionId)
  return read?.record.subscriptions.map(({ topic, as }) => (as === undefined ? topic : `${topic} as ${as}`))
}

it('a page may neither subscribe nor publish to a name with a lone surrogate, and the application is not asked', async () => {
  const asked: string[] = []
  const ask = (_: unknown, topic: string) => {
    asked.push(topic)
    return true
  }
  const bench = new ServerBench({ handlers: { onSubscribe: ask, onPublish: ask } })
  const { carrier, attachment } = await bench.confirmed()
  attachment.receive(String.raw`C1:{"type":"subscribe","topic":"vip\ud800"}`)
  attachment.receive(String.raw`C2:{"type":"publish","topic":"vip\ud800","data":"x"}`)
  await bench.pass(100)
  expect(shown(carrier)).toEqual(['error 1 forbidden', 'error 2 forbidden'])
  expect(asked).toEqual([])
  expect(bench.reported).toEqual([])
})

describe('[SP22] the end of a subscription', () => {
  it('ends that to the presence of the topic when its permission expires', async () => {
    const { bench, carrier, call, joins } = await rig({ allowed: () => ({ expiresAt: 1_005_000 }) })
    await call({ type: 'subscribe', topic: 'vip' })
    await call({ type: 'members', topic: 'vip' })
    await bench.pass(6000)
    await joins('vip')
    expect(shown(carrier).slice(-2)).toEqual(['vip ends', 'presence:vip ends'])
    expect(await topicsOf(bench)).toEqual([])
    await call({ type: 'members', topic: 'vip' })
    expect(shown(carrier).at(-1)).toBe('error 3 forbidden')
    expect(bench.reported).toEqual([])
  })

  it.each([
    ['of a client', undefined],
    ['of the application', (session: { subscribe(topic: string): Promise<boolean> }) => session.subscribe('vip')],
  ] as const)('ends that to the presence of the topic when the application ends it, if it was %s', async (_, onSession) => {
    const { bench, carrier, call, joins, session } = await rig(onSession && { onSession })
    await call({ type: 'subscribe', topic: 'vip' })
    await call({ type: 'members', topic: 'vip' })
    await session.unsubscribe('vip')
    await joins('vip')
    expect(shown(carrier).slice(-2)).toEqual(['vip ends', 'presence:vip ends'])
    expect(await topicsOf(bench)).toEqual([])
  })

  it('leaves a subscription to the presence that the application has made', async () => {
    const { carrier, call, joins, session } = await rig({ onSession: (each) => each.subscribe('presence:vip') })
    await call({ type: 'subscribe', topic: 'vip' })
    await call({ type: 'members', topic: 'vip' })
    await session.unsubscribe('vip')
    await joins('vip')
    expect(shown(carrier).slice(-2)).toEqual(['vip ends', 'presence:vip join'])
  })

  it('ends that to the presence of a topic in whose place the name now stands for another', async () => {
    let topic = 'a'
    const { bench, call } = await rig({ allowed: () => ({ topic }) })
    await call({ type: 'subscribe', topic: 'mine' })
    await call({ type: 'members', topic: 'mine' })
    expect(await topicsOf(bench)).toEqual(['a as mine', 'presence:a as presence:mine'])
    topic = 'b'
    await call({ type: 'subscribe', topic: 'mine' })
    expect(await topicsOf(bench)).toEqual(['b as mine'])
  })
})

describe('[SP22] members that are requested again', () => {
  it('do not replace the stream of joins and leaves, of which a part may not be delivered yet', async () => {
    const { carrier, call, joins } = await rig()
    await call({ type: 'subscribe', topic: 'room' })
    await call({ type: 'members', topic: 'room' })
    carrier.takes = false
    await joins('room')
    await call({ type: 'members', topic: 'room' })
    carrier.takes = true
    await call({ type: 'members', topic: 'room' })
    expect(shown(carrier).filter((each) => each.startsWith('presence:room'))).toEqual(['presence:room join'])
  })
})

describe('[SP22] a topic to which both the application and the client subscribe', () => {
  const onSession: Handlers['onSession'] = (session) => session.subscribe('chat')

  async function withHistory(options: Parameters<typeof rig>[0] = {}) {
    const all = await rig(options)
    for (const each of ['a', 'b', 'c']) await all.bench.at(0).publish('chat', each)
    await all.bench.pass(100)
    return all
  }

  it('is delivered from where the client asks, in one stream, and remains the application’s', async () => {
    const { bench, carrier, call, session } = await withHistory({ onSession })
    expect(shown(carrier)).toEqual(['chat 1:a', 'chat 2:b', 'chat 3:c'])
    const after = { epoch: await epochOf(bench), offset: 3, stream: 1, life: await lifeOf(bench) }
    await call({ type: 'subscribe', topic: 'chat', since: { last: 2 }, after })
    await bench.at(0).publish('chat', 'd')
    await bench.pass(100)
    expect(shown(carrier).slice(3)).toEqual(['chat ends', 'reply 1', 'chat 2:b', 'chat 3:c', 'chat 4:d'])
    await call({ type: 'unsubscribe', topic: 'chat' })
    expect(await topicsOf(bench)).toEqual(['chat'])
    await bench.at(0).publish('chat', 'e')
    await bench.pass(100)
    expect(shown(carrier).at(-1)).toBe('chat 5:e')
    await session.unsubscribe('chat')
    await bench.at(0).publish('chat', 'f')
    await bench.pass(100)
    expect(shown(carrier).at(-1)).toBe('chat ends')
  })

  it('begins no later than a stream that the client did not know when it asked', async () => {
    const { bench, carrier, call } = await withHistory()
    const after = { epoch: await epochOf(bench), offset: 3 }
    await call({ type: 'subscribe', topic: 'chat', since: 'start', after })
    await call({ type: 'subscribe', topic: 'chat', since: { last: 1 }, after })
    const life = await lifeOf(bench)
    await call({ type: 'subscribe', topic: 'chat', since: { last: 1 }, after: { ...after, stream: 2, life: 'of-before' } })
    await call({ type: 'subscribe', topic: 'chat', since: { last: 1 }, after: { ...after, stream: 3, life } })
    const all = ['chat 1:a', 'chat 2:b', 'chat 3:c']
    const replaced = (n: number, ...messages: string[]) => ['chat ends', `reply ${n}`, ...messages]
    expect(shown(carrier)).toEqual([
      'reply 1',
      ...all,
      ...replaced(2, ...all),
      ...replaced(3, ...all),
      ...replaced(4, 'chat 3:c'),
    ])
  })

  it('keeps its stream if the client needs no earlier messages', async () => {
    const { bench, carrier, call } = await withHistory({ onSession })
    await call({ type: 'subscribe', topic: 'chat' })
    await call({ type: 'subscribe', topic: 'chat', after: { epoch: await epochOf(bench), offset: 2 } })
    expect(shown(carrier).slice(3)).toEqual(['reply 1', 'reply 2'])
  })

  it('is delivered after the last message that the client has taken in a session that was lost', async () => {
    const bench = new ServerBench({ handlers: { onSession, onSubscribe: () => true } })
    for (const each of ['a', 'b', 'c']) await bench.at(0).publish('chat', each)
    const { carrier, attachment } = await bench.confirmed()
    const call = { type: 'subscribe', topic: 'chat', after: { epoch: await epochOf(bench), offset: 1 } }
    attachment.receive(`C1:${JSON.stringify(call)}`)
    await bench.pass(100)
    expect(shown(carrier)).toEqual(['chat ends', 'reply 1', 'chat 2:b', 'chat 3:c'])
  })

  it('has a stream for each if the client knows it by another name', async () => {
    const { bench, carrier, call } = await withHistory({ onSession, allowed: () => ({ topic: 'chat' }) })
    await call({ type: 'subscribe', topic: 'talk', since: { last: 1 } })
    expect(shown(carrier).slice(3)).toEqual(['reply 1', 'talk 3:c'])
    await bench.at(0).publish('chat', 'd')
    await bench.pass(100)
    expect(shown(carrier).slice(5).sort()).toEqual(['chat 4:d', 'talk 4:d'])
    await call({ type: 'unsubscribe', topic: 'talk' })
    expect(await topicsOf(bench)).toEqual(['chat'])
  })

  it('becomes the application’s when it subscribes after the client', async () => {
    const { bench, carrier, call, session } = await withHistory({ allowed: () => ({ expiresAt: 1_005_000 }) })
    await call({ type: 'subscribe', topic: 'chat' })
    await session.subscribe('chat')
    await call({ type: 'unsubscribe', topic: 'chat' })
    await bench.pass(10_000)
    await bench.at(0).publish('chat', 'd')
    await bench.pass(100)
    expect(shown(carrier)).toEqual(['reply 1', 'chat 4:d'])
    expect(await topicsOf(bench)).toEqual(['chat'])
  })

  it('has one stream if both subscribe at the same time, and loses no message', async () => {
    for (let delayMs = 0; delayMs < 30; delayMs += 1) {
      const { bench, session, carrier, attachment } = await overSlowStore({ onSubscribe: () => true })
      attachment.receive(`C1:${JSON.stringify({ type: 'subscribe', topic: 'chat' })}`)
      await bench.pass(delayMs)
      const subscribed = session.subscribe('chat')
      await bench.pass(100)
      await subscribed
      expect(await topicsOf(bench)).toEqual(['chat'])
      const publishing = bench.at(0).publish('chat', 'x')
      await bench.pass(200)
      await publishing
      expect(shown(carrier).filter((each) => each.endsWith(':x'))).toHaveLength(1)
    }
  })

  it('ends for both if the application ends it while the client subscribes', async () => {
    for (let delayMs = 0; delayMs < 30; delayMs += 1) {
      const { bench, session, carrier, attachment } = await overSlowStore({ onSession, onSubscribe: () => true })
      attachment.receive(`C1:${JSON.stringify({ type: 'subscribe', topic: 'chat', since: 'start' })}`)
      await bench.pass(delayMs)
      const unsubscribed = session.unsubscribe('chat')
      await bench.pass(200)
      await unsubscribed
      const listed = await topicsOf(bench)
      const streams = (kind: string) =>
        new Set(carrier.news.flatMap((each) => (each[0] === kind ? [JSON.parse(each.slice(1)).stream] : [])))
      const live = [...streams('s')].filter((stream) => !streams('u').has(stream))
      // The client's own subscription is listed if it was handled after the end.
      expect([listed, live.length]).toEqual(listed?.length === 0 ? [[], 0] : [['chat as chat'], 1])
    }
  })

  it('ends if the application ends it while the client replaces its stream', async () => {
    const outcomes = new Set<string>()
    for (let delayMs = 0; delayMs < 30; delayMs += 1) {
      const { bench, session, carrier, attachment } = await overSlowStore({ onSubscribe: () => true })
      attachment.receive(`C1:${JSON.stringify({ type: 'subscribe', topic: 'chat' })}`)
      await bench.pass(100)
      attachment.receive(`C2:${JSON.stringify({ type: 'subscribe', topic: 'chat' })}`)
      await bench.pass(delayMs)
      const isNumbered = (await bench.store.sessions.read(sessionId))?.record.lastStream === 2
      const unsubscribed = session.unsubscribe('chat')
      await bench.pass(200)
      await unsubscribed
      const ended = carrier.news.flatMap((each) => (each[0] === 'u' ? [JSON.parse(each.slice(1)).stream] : []))
      const [subscription] = (await bench.store.sessions.read(sessionId))?.record.subscriptions ?? []
      // Only a stream that got its number after the end goes on.
      if (isNumbered) expect([subscription, [...new Set(ended)]]).toEqual([undefined, [1, 2]])
      outcomes.add(subscription ? 'goes on' : 'ended')
    }
    expect([...outcomes]).toEqual(['goes on', 'ended'])
  })

  async function overSlowStore(handlers: Handlers) {
    const bench = new ServerBench({ handlers, storeMs: 4 })
    const attaching = bench.confirmed()
    await bench.pass(100)
    return { bench, ...(await attaching), ...(await opened(bench)) }
  }

  async function opened(bench: ServerBench) {
    const opening = bench.session()
    await bench.pass(50)
    return { session: await opening }
  }

  async function epochOf(bench: ServerBench): Promise<string> {
    const [place] = await bench.store.topics.tails(['chat'])
    return place?.epoch ?? ''
  }
})

it('[SP22] a second subscribe call of a client that has not received the first stream continues where that begins', async () => {
  const { bench, carrier, call } = await rig()
  for (const each of ['a', 'b']) await bench.at(0).publish('chat', each)
  carrier.takes = false
  await call({ type: 'subscribe', topic: 'chat', since: 'start' })
  await call({ type: 'subscribe', topic: 'chat', since: { last: 1 } })
  carrier.takes = true
  await call({ type: 'publish', topic: 'none' })
  expect(shown(carrier)).toEqual(['reply 1', 'chat ends', 'reply 2', 'error 3 forbidden', 'chat 1:a', 'chat 2:b'])
})
