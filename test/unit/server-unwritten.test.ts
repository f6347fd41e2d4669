import { describe, expect, it } from 'vitest'
import type { Session } from '../../src/server/session/session-handle.ts'
import { promised } from '../support/manual-host.ts'
import { ServerBench } from '../support/server-bench.ts'

/** A session whose carrier is full; `sends` calls send() and records in `settled` whether its promise has resolved. */
async function full() {
  const bench = new ServerBench()
  const { carrier, attachment } = await bench.confirmed()
  const session = await bench.session()
  carrier.takes = false
  const settled: boolean[] = []
  const sends = (bytes: number) => {
    const index = settled.push(false) - 1
    session.send('x'.repeat(bytes)).then((isSent) => {
      settled[index] = isSent
    })
  }
  return { bench, carrier, attachment, session, sends, settled }
}

describe('[SP11] session.send() under back-pressure', () => {
  it('resolves at once up to 1 MiB that is not written yet, and beyond that when there is room again', async () => {
    const { bench, carrier, sends, settled } = await full()
    for (let count = 0; count < 10; count += 1) sends(100_000)
    await promised()
    expect(settled).toEqual(settled.map(() => true))
    for (let count = 0; count < 3; count += 1) sends(100_000)
    await promised()
    expect(settled.slice(10)).toEqual([false, false, false])
    carrier.takes = true
    bench.drain(carrier)
    await bench.pass(10)
    expect(settled.every(Boolean)).toBe(true)
    expect(carrier.news.join('').match(/x/g)).toHaveLength(1_300_000)
  })

  it('continues after the event loop has had a turn, so that a loop of sends does not delay what was just written', async () => {
    const { bench, carrier, sends, settled } = await full()
    for (let count = 0; count < 13; count += 1) sends(100_000)
    await promised()
    carrier.takes = true
    bench.drain(carrier)
    await promised()
    expect(carrier.news.join('').match(/x/g)).toHaveLength(1_300_000)
    expect(settled.at(-1)).toBe(false)
    await bench.pass(0)
    expect(settled.at(-1)).toBe(true)
  })

  it.each(['its attachment ends', 'the session ends', 'the node stops'])('stops waiting when %s', async (how) => {
    const { bench, attachment, session, sends, settled } = await full()
    for (let count = 0; count < 13; count += 1) sends(100_000)
    await promised()
    expect(settled.at(-1)).toBe(false)
    if (how === 'its attachment ends') attachment.ended({ by: 'network', code: 1006, reason: '' })
    else if (how === 'the session ends') {
      void session.close()
      await bench.pass(6000)
    } else bench.at(0).halt()
    await promised()
    expect(settled.every(Boolean)).toBe(true)
  })

  it('does not wait if no client is attached', async () => {
    const { bench, attachment, sends, settled } = await full()
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(10)
    for (let count = 0; count < 30; count += 1) sends(100_000)
    await bench.pass(0)
    expect(settled.every(Boolean)).toBe(true)
  })

  it('yields to the event loop at every MiB, so that a client that is away can return', async () => {
    const { bench, attachment, session } = await full()
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(10)
    let sent = 0
    const sending = async () => {
      for (; sent < 30; sent += 1) await session.send('x'.repeat(100_000))
    }
    const done = sending()
    await promised()
    expect(sent).toBe(10)
    await bench.pass(0)
    await done
    expect(sent).toBe(30)
  })

  describe('between two polls', () => {
    /** A polling client has taken an answer, and more than there is room for is sent to it before its next poll. */
    async function polling() {
      const bench = new ServerBench()
      await bench.confirmed({ wait: 0 }, { medium: 'answer' })
      await bench.pass(10)
      const session = await bench.session()
      // A tick of the node must not drop the session meanwhile.
      await bench.pass(3000)
      const settled: boolean[] = []
      for (let index = 0; index < 13; index += 1) {
        settled.push(false)
        session.send('x'.repeat(100_000)).then((isSent) => {
          settled[index] = isSent
        })
      }
      await promised()
      return { bench, session, settled }
    }

    it('waits for the next poll of the client', async () => {
      const { bench, settled } = await polling()
      expect(settled.slice(10)).toEqual([false, false, false])
      const { carrier } = await bench.confirmed({ wait: 0 }, { medium: 'answer' })
      await bench.pass(10)
      expect(settled.every(Boolean)).toBe(true)
      expect(carrier.news.join('')).toContain('x')
    })

    it.each(['it does not come back', 'the session ends', 'the node closes'])('stops waiting when %s', async (how) => {
      const { bench, session, settled } = await polling()
      expect(settled.at(-1)).toBe(false)
      if (how === 'the session ends') void session.close()
      else if (how === 'the node closes') void bench.at(0).close(60_000)
      await bench.pass(how === 'it does not come back' ? 12_000 : 100)
      expect(settled.every(Boolean)).toBe(true)
      await bench.pass(2000)
      expect(bench.at(0).sessionsHere).toBe(0)
    })

    it('does not block a handler for more than 15 s if the client is gone', async () => {
      const sent: number[] = []
      const onMessage = async (session: Session) => {
        for (let count = 1; count <= 13; count += 1) {
          await session.send('x'.repeat(100_000))
          sent.push(count)
        }
      }
      const bench = new ServerBench({ handlers: { onMessage } })
      await bench.confirmed({ wait: 0 }, { medium: 'answer' })
      await bench.pass(10)
      await bench.post(['m1:a'])
      await bench.pass(100)
      expect(sent).toHaveLength(10)
      await bench.pass(15_000)
      expect(sent).toHaveLength(13)
    })
  })

  it('keeps a burst of 20,000 small messages for a client that reads, since the bounds count bytes', async () => {
    for (const how of ['send', 'publish']) {
      const bench = new ServerBench()
      const { carrier } = await bench.confirmed()
      const session = await bench.session()
      await session.subscribe('news')
      await bench.pass(10)
      for (let n = 0; n < 20_000; n += 1)
        void (how === 'send' ? session.send(`${n}`.padStart(100)) : bench.at(0).publish('news', `${n}`.padStart(100)))
      await bench.pass(1000)
      const brought = carrier.news.filter((each) => /^\d+\.\d+: /.test(each)).map((each) => Number(each.split(':')[1]))
      expect(carrier.news.filter((each) => each.startsWith('g'))).toEqual([])
      expect(brought).toEqual(Array.from({ length: 20_000 }, (_, n) => n))
    }
  })
})
