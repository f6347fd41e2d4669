import { describe, expect, it } from 'vitest'
import { withinTime } from '../../src/server/calls/within-time.ts'
import { StoreSecret } from '../../src/server/node/store-secret.ts'
import { memoryStore } from '../../src/server/store/memory/memory-store.ts'
import { RequestError } from '../../src/wire/request-error.ts'
import { ManualClock, promised } from '../support/manual-host.ts'
import { type FakeCarrier, ServerBench, sessionId } from '../support/server-bench.ts'
import { tailOf } from '../support/store-calls.ts'

/** The server's calls and answers that a client has received. */
function callsIn({ news }: FakeCarrier): { readonly type: string; readonly to?: number; readonly code?: string }[] {
  return news.flatMap((each) => (each.startsWith('C') ? [JSON.parse(each.slice(each.indexOf(':') + 1))] : []))
}

describe('[SP21] a request of the client', () => {
  it('that is aborted before its turn is answered without its handler', async () => {
    const handled: unknown[] = []
    let release = (): void => {}
    const bench = new ServerBench({
      handlers: {
        onRequest(_, { data }) {
          handled.push(data)
          return new Promise((resolve) => {
            if (data === '1') release = () => resolve(undefined)
          })
        },
      },
    })
    const { carrier, attachment } = await bench.confirmed()
    for (let n = 1; n <= 17; n += 1) attachment.receive(`C${n}:{"type":"request","data":"${n}"}`)
    attachment.receive('C18:{"type":"abort","of":17}')
    await bench.pass(100)
    release()
    await bench.pass(100)
    expect(callsIn(carrier)).toEqual([
      { type: 'reply', to: 1 },
      { type: 'error', to: 17, code: 'aborted', message: 'The client no longer waits for the reply.' },
    ])
    expect(handled).toHaveLength(16)
    expect(bench.reported).toEqual([])
  })

  it.each([
    ['request', '{"type":"request"}'],
    ['publication', '{"type":"publish","topic":"t","data":"x"}'],
    ['subscription', '{"type":"subscribe","topic":"t"}'],
  ])('or a %s is not acknowledged if the session ended elsewhere before it was answered', async (_, call) => {
    let release = (): void => {}
    const waits = <Result>(result: Result) =>
      new Promise<Result>((resolve) => {
        release = () => resolve(result)
      })
    const bench = new ServerBench({
      nodes: 2,
      newsMs: () => 500,
      handlers: { onRequest: () => waits('reply'), onPublish: () => waits(true), onSubscribe: () => waits(true) },
    })
    const { carrier, attachment } = await bench.confirmed()
    await bench.pass(1000)
    attachment.receive(`C1:${call}`)
    await bench.pass(1000)
    const elsewhere = await bench.session(sessionId, 1)
    await elsewhere.close(4321, 'ended elsewhere')
    release()
    await bench.pass(20_000)
    const stored = await bench.store.sessions.read(sessionId)
    expect([stored?.record.done, stored?.record.ended?.code]).toEqual([0, 4321])
    expect(carrier.news.filter((frame) => /^a[1-9]/.test(frame))).toEqual([])
    expect([carrier.closed, bench.reported]).toEqual([expect.objectContaining({ code: 4321 }), []])
  })

  it('that is aborted while its handler waits for the store is not handled again', async () => {
    let count = 0
    const bench = new ServerBench({
      handlers: {
        async onRequest(session) {
          count += 1
          if (count === 1) bench.fail('append', 'before')
          await session.send('x')
        },
      },
      settings: { storeTimeoutMs: 1000 },
    })
    const { carrier, attachment } = await bench.confirmed()
    attachment.receive('C1:{"type":"request"}')
    await bench.pass(10)
    attachment.receive('C2:{"type":"abort","of":1}')
    await bench.pass(1000)
    expect([count, callsIn(carrier).map(({ type, to }) => [type, to])]).toEqual([1, [['error', 1]]])
  })

  it('whose RequestError has an invalid code, which a subclass can give it, is answered, and the mistake reported', async () => {
    class Refusal extends RequestError {
      constructor(code: unknown, message: unknown) {
        super('valid')
        // As class fields do in ES2022; the tests are compiled without them.
        Object.assign(this, { code, message })
      }
    }
    const bad: readonly (readonly [unknown, unknown])[] = [
      [undefined, 'no room'],
      [Number.NaN, ''],
      [5n, ''],
      [{}, ''],
      ['x'.repeat(65), ''],
      ['full', 5],
    ]
    const bench = new ServerBench({
      handlers: {
        onRequest: (_, { data }) => Promise.reject(new Refusal(...(bad[Number(data)] ?? [undefined, '']))),
      },
    })
    const { carrier, attachment } = await bench.confirmed()
    for (const index of bad.keys()) attachment.receive(`C${index + 1}:{"type":"request","data":"${index}"}`)
    await bench.pass(100)
    expect(callsIn(carrier)).toEqual([
      { type: 'error', to: 1, code: 'internal', message: 'no room' },
      ...[2, 3, 4, 5].map((to) => ({ type: 'error', to, code: 'internal', message: '' })),
      { type: 'error', to: 6, code: 'full', message: '' },
    ])
    expect(bench.reported.map((each) => each instanceof TypeError)).toEqual([true, true, true, true, true, false])
  })
})

describe('[SP21] a request whose handler never settles', () => {
  const stuck = () => {
    const signals: AbortSignal[] = []
    const ended: string[] = []
    const bench = new ServerBench({
      handlers: {
        onRequest(_, { data, signal }) {
          if (data === 'quick') return data
          signals.push(signal)
          return new Promise(() => {})
        },
        onEnd: (_, { reason }) => void ended.push(reason),
      },
      settings: { requestTimeoutMs: 10_000 },
    })
    return { signals, ended, bench }
  }
  const ask = (count: number) => Array.from({ length: count }, (_, index) => `C${index + 1}:{"type":"request","data":"${index}"}`)

  it("is answered with 'timeout' after requestTimeoutMs, and those behind it run", async () => {
    const { signals, bench } = stuck()
    const { carrier, attachment } = await bench.confirmed()
    for (const frame of ask(16)) attachment.receive(frame)
    attachment.receive('C17:{"type":"request","data":"quick"}')
    await bench.pass(9000)
    expect(callsIn(carrier)).toEqual([])
    await bench.pass(2000)
    const answers = callsIn(carrier)
    const message = 'The handler of the server gave no reply in 10000 ms.'
    expect(answers.slice(0, 16)).toEqual(
      Array.from({ length: 16 }, (_, i) => ({ type: 'error', to: i + 1, code: 'timeout', message })),
    )
    expect(answers.slice(16)).toEqual([{ type: 'reply', to: 17, data: 'quick' }])
    expect(signals.every(({ aborted, reason }) => aborted && reason.code === 'timeout')).toBe(true)
    expect(bench.reported).toHaveLength(16)
    expect(String(bench.reported[0])).toContain('onRequest has not settled in 10000 ms; the session goes on without it.')
    expect(carrier.news.filter((each) => each.startsWith('a')).at(-1)).toContain('17')
  })

  it('gets 5 s more once its client no longer waits', async () => {
    const { bench } = stuck()
    const { carrier, attachment } = await bench.confirmed()
    for (const frame of ask(16)) attachment.receive(frame)
    attachment.receive('C17:{"type":"request","data":"quick"}')
    await bench.pass(100)
    attachment.receive('C18:{"type":"abort","of":3}')
    await bench.pass(4000)
    expect(callsIn(carrier)).toEqual([])
    await bench.pass(2000)
    expect(callsIn(carrier).map(({ to, code }) => [to, code])).toEqual([
      [3, 'timeout'],
      [17, undefined],
    ])
  })

  it('has one timer, and none once it has settled', async () => {
    const clock = new ManualClock()
    const host = { after: (ms: number, run: () => void) => clock.after(ms, run), report: () => {} }
    const controller = new AbortController()
    let settle = (_: string): void => {}
    const handling = new Promise<string>((resolve) => {
      settle = resolve
    })
    const reply = withinTime(handling, 10_000, controller, host)
    expect([clock.pending, clock.nextAt]).toEqual([1, 10_000])
    controller.abort(new Error('enough'))
    expect([clock.pending, clock.nextAt]).toEqual([1, 5000])
    settle('late')
    expect([await reply, clock.pending]).toEqual(['late', 0])
  })

  it('delays onEnd by 5 s at most', async () => {
    const { ended, bench } = stuck()
    const { attachment } = await bench.confirmed()
    for (const frame of ask(3)) attachment.receive(frame)
    await bench.pass(100)
    await (await bench.session(sessionId)).close(4410, 'over')
    await bench.pass(4000)
    expect(ended).toEqual([])
    await bench.pass(2000)
    expect(ended).toEqual(['over'])
  })

  it('reports what the handler throws afterwards, and drops what it returns', async () => {
    const late: ((settle: 'return' | 'throw') => void)[] = []
    const bench = new ServerBench({
      handlers: {
        onRequest: () =>
          new Promise((resolve, reject) => {
            late.push((how) => (how === 'return' ? resolve('late') : reject(new Error('late'))))
          }),
      },
      settings: { requestTimeoutMs: 1000 },
    })
    const { carrier, attachment } = await bench.confirmed()
    for (const frame of ask(2)) attachment.receive(frame)
    await bench.pass(2000)
    late[0]?.('return')
    late[1]?.('throw')
    await bench.pass(1000)
    expect(callsIn(carrier).map(({ to, code }) => [to, code])).toEqual([
      [1, 'timeout'],
      [2, 'timeout'],
    ])
    expect(bench.reported.map(String).filter((each) => each.includes('late'))).toEqual(['Error: late'])
  })
})

describe('[SP21] a request of the server', () => {
  const failed = (asked: Promise<unknown>) => asked.catch(({ code, message }) => code ?? message)

  it('that timed out or was aborted while the client was away is not sent to it', async () => {
    const bench = new ServerBench()
    const { attachment } = await bench.confirmed()
    const session = await bench.session()
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    const controller = new AbortController()
    const late = failed(session.request('late', { timeoutMs: 500 }))
    const aborted = failed(session.request('aborted', { signal: controller.signal, timeoutMs: Infinity }))
    session.request('valid')
    await bench.pass(1000)
    controller.abort(new Error('enough'))
    await bench.pass(100)
    expect([await late, await aborted]).toEqual(['timeout', 'enough'])
    const { carrier } = await bench.confirmed({ k: 2, turn: 2 })
    // The client may have received the requests over another attachment, and then needs the aborts.
    expect(callsIn(carrier).map(({ type }) => type)).toEqual(['request', 'abort', 'abort'])
    expect(callsIn(carrier)[0]).toMatchObject({ data: 'valid' })
  })

  it('is not sent after its time even if the node that waited for the answer has died', async () => {
    const bench = new ServerBench({ nodes: 2 })
    await bench.confirmed()
    const elsewhere = await bench.session(sessionId, 1)
    const { attachment } = await bench.confirmed({ k: 2, turn: 2 })
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    elsewhere.request('nobody waits', { timeoutMs: 500 })
    await bench.pass(100)
    bench.kill(1)
    await bench.pass(1000)
    await (await bench.session()).send('news')
    const { carrier } = await bench.confirmed({ k: 3, turn: 3 })
    expect(carrier.news).toEqual(['0.2:news'])
  })

  it('is sent to a client that returns in time', async () => {
    const bench = new ServerBench()
    const { attachment } = await bench.confirmed()
    const session = await bench.session()
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    const asked = session.request('valid', { timeoutMs: 500 })
    await bench.pass(400)
    const { carrier, attachment: second } = await bench.confirmed({ k: 2, turn: 2 })
    const [call] = carrier.news
    const { id } = JSON.parse(call?.slice(call.indexOf(':') + 1) ?? '{}')
    second.receive(`C1:${JSON.stringify({ type: 'reply', to: id, data: 'yes' })}`)
    await bench.pass(10)
    expect(await asked).toBe('yes')
  })
})

describe("[SP21] a client's answer", () => {
  it('to what no node has asked it is dropped, and costs the store nothing', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const { carrier, attachment } = await bench.confirmed()
    const other = await bench.confirmed({ session: 'another-session-of-ann', k: 1 })
    const asked = (await bench.session('another-session-of-ann')).request('hello', { timeoutMs: 1000 }).catch(() => 'timeout')
    await bench.pass(10)
    const [request] = callsIn(other.carrier) as readonly { readonly id?: string }[]
    const forged = ['x', 'A'.repeat(32), request?.id ?? '']
    for (const [index, to] of forged.entries())
      attachment.receive(`C${index + 1}:${JSON.stringify({ type: 'reply', to, data: 'x'.repeat(1000) })}`)
    await bench.pass(100)
    expect((await tailOf(bench.store.topics, `answers ${sessionId}`)).offset).toBe(0)
    expect([carrier.closed, bench.reported]).toEqual([null, []])
    await bench.pass(1000)
    expect(await asked).toBe('timeout')
  })

  it('reaches the node that has asked, over another node that has never asked anything', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const { carrier, attachment } = await bench.confirmed({}, { node: 1 })
    const asked = (await bench.session(sessionId, 0)).request('hello')
    await bench.pass(10)
    const [request] = callsIn(carrier) as readonly { readonly id?: string }[]
    attachment.receive(`C1:${JSON.stringify({ type: 'reply', to: request?.id, data: 'back' })}`)
    await bench.pass(100)
    expect(await asked).toBe('back')
  })
})

it('[SP21] a request leaves before what is sent after it', async () => {
  const bench = new ServerBench()
  const { carrier } = await bench.confirmed()
  const session = await bench.session(sessionId)
  const asked = [session.request('first of all', { timeoutMs: 100 }).catch(() => 'timeout')]
  await bench.pass(10)
  asked.push(session.request('a', { timeoutMs: 100 }).catch(() => 'timeout'))
  void session.send('b')
  await bench.pass(10)
  expect(carrier.news.map((each) => each.slice(0, 4))).toEqual(['C0.1', 'C0.2', '0.3:'])
  await bench.pass(1000)
  expect(await Promise.all(asked)).toEqual(['timeout', 'timeout'])
})

describe('the secret of a store', () => {
  const report = (error: unknown) => expect.fail(String(error))
  const clocked = () => {
    let ids = 0
    const clock = { now: 1_000_000 }
    const randomId = () => {
      ids += 1
      return `random-${ids}`
    }
    return { clock, randomId, store: memoryStore({}, { now: () => clock.now, randomId }).sessions }
  }

  it('is the same for all nodes, also when they first need it at the same time', async () => {
    const { store, randomId } = clocked()
    const nodes = Array.from({ length: 5 }, () => new StoreSecret(store, { randomId, report }))
    const marks = await Promise.all(nodes.map((node) => node.sign('text')))
    expect(new Set(marks).size).toBe(1)
    expect(marks[0]).toMatch(/^[\w-]{16}$/)
    expect(await nodes[0]?.sign('another text')).not.toBe(marks[0])
  })

  it('stays while it is used, and is replaced a day after', async () => {
    const { store, randomId, clock } = clocked()
    const node = new StoreSecret(store, { randomId, report })
    const first = await node.sign('text')
    for (let hours = 0; hours < 40; hours += 1) {
      clock.now += 3_600_000
      expect(await node.sign('text')).toBe(first)
      expect(await store.expired(clock.now, 10)).toEqual([])
    }
    clock.now += 86_400_001
    expect(await store.expired(clock.now, 10)).toHaveLength(1)
  })

  it('is made anew by all nodes after the store has lost it, though the store is the same', async () => {
    const { store, randomId } = clocked()
    const nodes = Array.from({ length: 2 }, () => new StoreSecret(store, { randomId, report }))
    const [first] = await Promise.all(nodes.map((node) => node.sign('text')))
    await promised()
    const read = await store.read('secret of the nodes')
    await store.remove('secret of the nodes', read?.version ?? 0)
    await promised()
    const [second, other] = await Promise.all(nodes.map((node) => node.sign('text')))
    expect(second).not.toBe(first)
    expect(other).toBe(second)
    for (const node of nodes) node.stop()
  })

  it('gives up on a store that never keeps it', async () => {
    const { store, randomId } = clocked()
    const forgetful = new Proxy(store, { get: (_, name) => (name === 'write' ? () => null : bound(store, name)) })
    await expect(new StoreSecret(forgetful, { randomId, report }).sign('text')).rejects.toThrow('the store keeps no secret')
  })

  it('is another one after the store was created anew', async () => {
    const { randomId } = clocked()
    let store = clocked().store
    const current = new Proxy(store, { get: (_, name) => bound(store, name) })
    const node = new StoreSecret(current, { randomId, report })
    const first = await node.sign('text')
    store = memoryStore({}, { now: () => 1_000_000, randomId: () => 'anew' }).sessions
    expect(await node.sign('text')).not.toBe(first)
  })
})

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name)
  return typeof value === 'function' ? value.bind(target) : value
}
