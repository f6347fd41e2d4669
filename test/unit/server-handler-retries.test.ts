import { describe, expect, it } from 'vitest'
import type { Message } from '../../src/server/handlers.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import { ServerBench, type ServerBenchOptions, sessionId } from '../support/server-bench.ts'

const settings = { storeTimeoutMs: 3000 }

function benchWith(handlers: ServerBenchOptions['handlers'], nodes = 1): ServerBench {
  return new ServerBench({ settings, nodes, ...(handlers ? { handlers } : {}) })
}

async function topicsOf(bench: ServerBench): Promise<readonly string[]> {
  const read = await bench.store.sessions.read(sessionId)
  return read?.record.subscriptions.map(({ topic }) => topic) ?? []
}

describe('[SP2] a handler that fails because the store is not available', () => {
  it('onSession runs again until it succeeds, and messages wait for it', async () => {
    const seen: string[] = []
    const bench = benchWith({
      onSession: async (session: Session) => {
        seen.push('onSession')
        await session.subscribe('news')
        seen.push('subscribed')
      },
      onMessage: (_: Session, { data, redelivered }: Message) => void seen.push(`${data} ${redelivered}`),
    })
    bench.fail('tails', 'before', 3)
    const { attachment } = await bench.confirmed()
    attachment.receive('m1:one')
    await bench.pass(10_000)
    expect(seen).toEqual(['onSession', 'onSession', 'onSession', 'onSession', 'subscribed', 'one false'])
    expect(await topicsOf(bench)).toEqual(['news'])
  })

  it.each(['before', 'after'] as const)(
    'onSession subscribes once even if the store failed %s it had appended the subscription',
    async (when) => {
      const bench = benchWith({ onSession: (session: Session) => session.subscribe('news') })
      bench.fail('append', when)
      const { carrier } = await bench.confirmed()
      await bench.pass(5000)
      expect(await topicsOf(bench)).toEqual(['news'])
      await bench.at(0).publish('news', 'hello')
      await bench.pass(100)
      expect(carrier.news.filter((each) => each.endsWith(':hello'))).toHaveLength(1)
    },
  )

  it('onMessage runs again with `redelivered: true`, before later messages', async () => {
    const seen: string[] = []
    const bench = benchWith({
      async onMessage(session: Session, { data, redelivered }: Message) {
        seen.push(`${data} ${redelivered}`)
        await session.send(`re: ${data}`)
      },
    })
    const { carrier, attachment } = await bench.confirmed()
    bench.fail('append', 'before', 2)
    attachment.receive('M[1,"one","two"]')
    await bench.pass(10_000)
    expect(seen).toEqual(['one false', 'one true', 'one true', 'two false'])
    expect(carrier.news.filter((each) => each.startsWith('0.'))).toEqual(['0.1:re: one', '0.2:re: two'])
    expect(carrier.news.at(-1)).toBe('a2')
  })

  it('onEnd runs again until it succeeds', async () => {
    let ends = 0
    const bench = benchWith({
      async onEnd(session: Session) {
        ends += 1
        await bench.at(0).publish('left', session.id)
      },
    })
    await bench.confirmed()
    bench.fail('append', 'before', 2)
    await (await bench.session()).close()
    await bench.pass(10_000)
    expect(ends).toBe(3)
    expect(bench.at(0).sessionsHere).toBe(0)
  })

  it('pauses between two runs', async () => {
    let runs = 0
    const bench = benchWith({
      onSession: async (session: Session) => {
        runs += 1
        await session.subscribe('news')
      },
    })
    bench.fail('tails', 'before', Number.POSITIVE_INFINITY)
    await bench.confirmed()
    await bench.pass(30_000)
    expect(runs).toBeGreaterThan(10)
    expect(runs).toBeLessThan(100)
  })

  it('counts as done after resumeWindowMs, which is reported', async () => {
    const seen: unknown[] = []
    const bench = benchWith({
      async onMessage(_: Session, { data }: Message) {
        seen.push(data)
        if (data === 'impossible') await bench.at(0).publish('news', 'x')
      },
    })
    const { attachment } = await bench.confirmed()
    bench.fail('append', 'before', Number.POSITIVE_INFINITY)
    attachment.receive('M[1,"impossible","two"]')
    await bench.pass(115_000)
    expect(seen).not.toContain('two')
    await bench.pass(10_000)
    expect(seen.at(-1)).toBe('two')
    expect((await bench.store.sessions.read(sessionId))?.record.done).toBe(2)
    expect(bench.reported.map(String)).toContainEqual(
      expect.stringMatching(/a handler was run again for 120000 ms because the store was not available; it counts as done now/),
    )
  })

  it('runs on another node if its own node dies meanwhile', async () => {
    const seen: string[] = []
    const bench = benchWith(
      (node) => ({
        onSession: async (session: Session) => {
          seen.push(`on ${node}`)
          if (node === 0) await bench.at(node).publish('news', 'never')
          await session.subscribe('news')
        },
      }),
      2,
    )
    bench.fail('append', 'before', 3)
    await bench.confirmed()
    await bench.pass(100)
    bench.kill(0)
    await bench.confirmed({ k: 2 }, { node: 1 })
    await bench.pass(20_000)
    expect(seen.at(-1)).toBe('on 1')
    expect(await topicsOf(bench)).toEqual(['news'])
  })

  it("does not run again for an error that is not the store's", async () => {
    const seen: string[] = []
    const bench = benchWith({
      onSession: () => {
        seen.push('onSession')
        throw new Error('not today')
      },
      onMessage: (_: Session, { data }: Message) => {
        seen.push(String(data))
        throw new Error('nor tomorrow')
      },
    })
    const { attachment } = await bench.confirmed()
    attachment.receive('m1:one')
    await bench.pass(10_000)
    expect(seen).toEqual(['onSession', 'one'])
    expect(bench.reported.map(String)).toEqual(['Error: not today', 'Error: nor tomorrow'])
  })
})
