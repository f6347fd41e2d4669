import { describe, expect, it } from 'vitest'
import type { Message } from '../../src/server/handlers.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import { promised } from '../support/manual-host.ts'
import { ServerBench, sessionId } from '../support/server-bench.ts'
import { tailOf } from '../support/store-calls.ts'

describe('attaching', () => {
  it('opens a new session', async () => {
    const bench = new ServerBench()
    const { carrier } = await bench.attach()
    expect(carrier.open).toEqual({
      k: 1,
      epoch: expect.any(String),
      store: expect.any(String),
      resumed: false,
      taken: 0,
      ack: 0,
      heartbeatMs: 15_000,
      maxMessageBytes: 1_048_576,
      resumeWindowMs: 120_000,
      retryWindowMs: 50,
    })
  })

  it('hands messages to onMessage, acknowledges them, and sends its replies', async () => {
    const bench = new ServerBench({
      handlers: { onMessage: (session: Session, { data }: Message) => session.send(`re: ${data}`) },
    })
    const { carrier, attachment } = await bench.attach()
    attachment.receive('t1')
    attachment.receive('m1:one')
    attachment.receive('M[2,"two","three"]')
    await bench.pass(100)
    expect(carrier.news.filter((each) => !each.startsWith('a'))).toEqual(['0.1:re: one', '0.2:re: two', '0.3:re: three'])
    expect(carrier.news.at(-1)).toBe('a3')
    expect(bench.reported).toEqual([])
  })

  it('sends publications to subscribed sessions', async () => {
    const bench = new ServerBench({ nodes: 2, handlers: { onSession: (session: Session) => session.subscribe('news') } })
    const { carrier } = await bench.attach()
    await bench.at(1).publish('news', 'hello')
    await promised()
    const { epoch } = await tailOf(bench.store.topics, 'news')
    expect(carrier.news).toEqual([`s${JSON.stringify({ at: 1, stream: 1, topic: 'news', epoch, from: 0 })}`, '1.1:hello'])
    expect((await bench.session()).id).toBe(sessionId)
  })
})
