import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/server/store/memory/memory-store.ts'
import { type ContractCase, sessionStoreContract, topicLogContract } from '../../src/server/testing/index.ts'
import { type LivesFault, sessionsWithLives, topicsWithLives } from '../support/engine-with-lives.ts'
import { faultySessions, faultyTopics, sessionFaults, topicFaults } from '../support/faulty-stores.ts'

const close = () => Promise.resolve()
/** The faulty stores are in this process: the contract need not wait for them as long as for another process. */
const quick = { patienceMs: 500 }

/** The names of the cases that fail. */
async function failing(cases: readonly ContractCase[]): Promise<string[]> {
  const outcomes = await Promise.all(cases.map(({ name, run }) => run().then(() => [], () => [name]))) // biome-ignore format: one line
  return outcomes.flat()
}

describe('an engine that may lose its tail and keeps to the contract', () => {
  for (const { name, run } of topicLogContract(async () => topicsWithLives())) it(name, run)
  for (const { name, run } of sessionStoreContract(async () => sessionsWithLives())) it(name, run)
})

describe('a bounded store that keeps to the contract', () => {
  const clock = { now: 1_000_000 }
  const bounded = () => {
    let ids = 0
    const host = {
      now: () => clock.now,
      randomId: () => {
        ids += 1
        return `e${ids}`
      },
    }
    const store = memoryStore({ maxBytesPerStream: 300_064, maxMessagesPerStream: 100, maxAgeMs: 5000 }, host)
    const pass = async (ms: number) => {
      clock.now += ms
    }
    return { ...store, pass, bounds: { maxBytes: 300_064, maxMessageBytes: 300_000, maxMessages: 100, maxAgeMs: 5000 } }
  }
  for (const { name, run } of topicLogContract(async () => {
    const { topics, ...more } = bounded()
    return { nodes: [topics, topics], close, ...more }
  }))
    it(name, run)
  for (const { name, run } of sessionStoreContract(async () => {
    const { sessions, ...more } = bounded()
    return { nodes: [sessions, sessions], close, ...more }
  }))
    it(name, run)
})

describe('a store with a fault fails the contract', { timeout: 60_000 }, () => {
  it.concurrent.each(Object.keys(topicFaults))('topics: %s', async (fault) => {
    const cases = topicLogContract(async () => {
      const topics = faultyTopics(fault)
      return { nodes: [topics, topics], close, bounds: { maxMessages: 100 } }
    }, quick)
    expect(await failing(cases)).not.toEqual([])
  })

  it.concurrent.each(Object.keys(sessionFaults))('sessions: %s', async (fault) => {
    const cases = sessionStoreContract(async () => {
      const sessions = faultySessions(fault)
      return { nodes: [sessions, sessions], close }
    }, quick)
    expect(await failing(cases)).not.toEqual([])
  })

  it.concurrent.each<LivesFault>([
    'offsets are not raised',
    'the gap is not reported',
    'a new epoch',
    'what survived is delivered again',
    'keys survive',
    'watchers are not told',
  ])('topics that lost their tail: %s', async (fault) => {
    expect(await failing(topicLogContract(async () => topicsWithLives(fault), quick))).not.toEqual([])
  })

  it.concurrent.each<LivesFault>(['sessions survive', 'versions begin anew', 'watchers are not told'])(
    'sessions of an engine that lost its tail: %s',
    async (fault) => {
      expect(await failing(sessionStoreContract(async () => sessionsWithLives(fault), quick))).not.toEqual([])
    },
  )
})

describe('the cases of a contract', () => {
  const anyTopics = async () => {
    const { topics } = memoryStore()
    return { nodes: [topics, topics] as const, close }
  }

  it('have unique names', () => {
    const names = [...topicLogContract(anyTopics), ...sessionStoreContract(async () => sessionsWithLives())].map(
      ({ name }) => name,
    )
    expect(new Set(names).size).toBe(names.length)
  })

  it('close each store that they opened once, whether they pass or fail', async () => {
    let opened = 0
    let closed = 0
    const cases = topicLogContract(async () => {
      opened += 1
      const topics = faultyTopics('reads include the message at the position')
      return {
        nodes: [topics, topics],
        async close() {
          closed += 1
        },
      }
    })
    const failed = await failing(cases)
    expect(failed.length).toBeGreaterThan(0)
    expect(failed.length).toBeLessThan(cases.length)
    expect([opened, closed]).toEqual([cases.length, cases.length])
  })

  it('name the seed when a random case fails, and fail alike with the same seed', async () => {
    const open = async () => {
      const topics = faultyTopics('the tail of a reading is its last message')
      return { nodes: [topics, topics] as const, close }
    }
    const messageOf = async (seed: number) => {
      const random = topicLogContract(open, { seed }).find(({ name }) => name.includes('at random'))
      return random?.run().then(String, (error: Error) => error.message.replaceAll(/topic [\w-]+/g, 'topic'))
    }
    expect(await messageOf(7)).toMatch(/^With the option \{ seed: 7 \}: /)
    expect(await messageOf(7)).toBe(await messageOf(7))
  })

  it.each([0, -1, Infinity, Number.NaN])('refuse %d as patienceMs', (patienceMs) => {
    expect(() => topicLogContract(anyTopics, { patienceMs })).toThrow(TypeError)
  })

  it.each([-1, 2 ** 32, 0.5, Number.NaN])('refuse %d as a seed', (seed) => {
    expect(() => topicLogContract(anyTopics, { seed })).toThrow(TypeError)
    expect(() => sessionStoreContract(async () => sessionsWithLives(), { seed })).toThrow('an integer from 0 to 4,294,967,295')
  })
})
