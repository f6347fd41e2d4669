import { describe, expect, it } from 'vitest'
import { Buckets } from '../../src/redis/buckets.ts'
import type { Argument, ClientEvents, CommandClient } from '../../src/redis/clients/contracts.ts'
import { StoreClock } from '../../src/redis/clock.ts'
import { Link } from '../../src/redis/link.ts'
import type { Script } from '../../src/redis/scripts/script.ts'
import { ManualClock, promised } from '../support/manual-host.ts'

const scriptOf = (name: string): Script => ({ name, text: name, sha: name, isRepeatable: false })
const [hello, append] = [scriptOf('hello'), scriptOf('append')]
const unsent = new Error('The client is offline')

/** A link to a Redis whose answers and connections the test controls. */
function benchOf(isCluster = false) {
  const clock = new ManualClock(0)
  /** The scripts that were run, with functions that answer them. */
  const sent: { readonly text: string; answer(): void; fail(error: Error): void }[] = []
  let client: ClientEvents | undefined
  const commands: CommandClient = {
    load: async () => {},
    evaluate: async () => [Buffer.from('life'), Buffer.from('1'), Buffer.from('store'), Buffer.from('noeviction')],
    evalSha: (_sha, _key, args) =>
      new Promise((resolve, reject) => {
        sent.push({ text: String(args[1]), answer: () => resolve([Buffer.from('life'), args[1]]), fail: reject })
      }),
    close: () => {},
  }
  const buckets = new Buckets('', isCluster)
  const link = new Link({
    connector: {
      isCluster,
      keyPrefix: '',
      commands: (events) => {
        client = events
        return commands
      },
      subscriber: () => ({ subscribe: async () => {}, unsubscribe: async () => {}, close: () => {} }),
    },
    buckets,
    timeoutMs: 3000,
    scripts: { hello, beat: scriptOf('beat') },
    all: [append],
    host: {
      now: () => clock.now(),
      elapsedMs: () => clock.now(),
      after: (delayMs: number, run: () => void) => clock.after(delayMs, run),
      randomId: () => 'id',
    },
    clock: new StoreClock(
      () => clock.now(),
      () => clock.now(),
    ),
    newLife: () => {},
    silent: () => {},
  })
  const results: string[] = []
  const add = (stream: string, text: string) => {
    const args: readonly [string, ...Argument[]] = [stream, text]
    link.append(append, buckets.of(stream), args).then(
      ([reply]) => results.push(String(reply)),
      (error) => results.push(`${text}: ${error.message}`),
    )
  }
  const ready = async () => {
    client?.ready()
    await promised()
  }
  const pass = async (ms: number) => {
    clock.advance(ms)
    await promised()
  }
  return { link, sent, results, add, ready, pass, lost: () => client?.lost(unsent), texts: () => sent.map(({ text }) => text) }
}

describe('the order of appends', () => {
  it('is that of the calls when some are sent again: later ones wait for them', async () => {
    const { sent, add, ready, pass, texts, results } = benchOf()
    await ready()
    for (const text of ['one', 'two', 'three']) add('news', text)
    sent[0]?.fail(unsent)
    await promised()
    add('news', 'four')
    sent[1]?.fail(unsent)
    sent[2]?.fail(unsent)
    await promised()
    add('other', 'five')
    expect(texts()).toEqual(['one', 'two', 'three'])
    await pass(100)
    expect(texts().slice(3)).toEqual(['one', 'two', 'three', 'four', 'five'])
    for (const each of sent.slice(3)) each.answer()
    await promised()
    expect(results).toEqual(['one', 'two', 'three', 'four', 'five'])
  })

  it('is that of the calls when they wait for a connection', async () => {
    const { sent, add, ready, lost, texts } = benchOf()
    await ready()
    add('news', 'one')
    add('news', 'two')
    lost()
    add('news', 'three')
    sent[0]?.fail(unsent)
    sent[1]?.fail(unsent)
    await promised()
    await ready()
    expect(texts().slice(2)).toEqual(['one', 'two', 'three'])
  })

  it('is that of the calls when one is to be sent again after a reconnect', async () => {
    const { sent, add, ready, lost, pass, texts } = benchOf()
    await ready()
    add('news', 'one')
    sent[0]?.fail(unsent)
    await promised()
    lost()
    add('news', 'two')
    await ready()
    await pass(100)
    expect(texts().slice(1)).toEqual(['one', 'two'])
  })

  it('in a cluster is kept by one append to a stream at a time', async () => {
    const { sent, add, ready, texts, results } = benchOf(true)
    await ready()
    for (const text of ['one', 'two', 'three']) add('news', text)
    add('other', 'four')
    expect(texts()).toEqual(['one', 'four'])
    sent[0]?.answer()
    await promised()
    expect(texts()).toEqual(['one', 'four', 'two'])
    sent[2]?.fail(new Error('OOM command not allowed'))
    await promised()
    expect(texts()).toEqual(['one', 'four', 'two', 'three'])
    expect(results).toEqual(['one', expect.stringContaining('two: redisStore: append failed: OOM')])
  })

  it('in a cluster is kept while the keys are being moved to another server, and the connection too', async () => {
    const { sent, add, ready, pass, texts, results } = benchOf(true)
    await ready()
    add('news', 'one')
    add('news', 'two')
    sent[0]?.fail(new Error('ERR Script attempted to access a non local key in a cluster node script: 4274, on @user_script:57.'))
    await promised()
    await pass(100)
    expect(texts()).toEqual(['one', 'one'])
    sent[1]?.answer()
    await promised()
    sent[2]?.answer()
    await promised()
    expect(results).toEqual(['one', 'two'])
  })

  it('in a cluster does not change when an append times out, for which its time in the queue counts', async () => {
    const { sent, add, ready, pass, texts, results } = benchOf(true)
    await ready()
    add('news', 'one')
    await pass(1000)
    add('news', 'two')
    await pass(1500)
    add('news', 'three')
    await pass(600)
    expect(results).toEqual([expect.stringContaining('one: redisStore: append had no answer')])
    expect(texts()).toEqual(['one', 'two'])
    await pass(1000)
    expect(texts()).toEqual(['one', 'two', 'three'])
    sent[2]?.answer()
    await promised()
    expect(results.at(-1)).toBe('three')
  })

  it('ends with the link: waiting appends are rejected, and never sent', async () => {
    const { link, add, ready, texts, results, pass } = benchOf(true)
    await ready()
    for (const text of ['one', 'two', 'three']) add('news', text)
    link.close()
    await promised()
    expect(results).toEqual(['one', 'two', 'three'].map((text) => `${text}: redisStore: it was closed.`))
    await pass(5000)
    expect(texts()).toEqual(['one'])
  })
})
