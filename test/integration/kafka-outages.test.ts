import { afterEach, describe, expect, it } from 'vitest'
import { useKafka } from '../support/kafka-broker.ts'
import { all, endOf, follow, KafkaNodes, until } from '../support/kafka-nodes.ts'

/** What `kafkaTopics()` does while its broker is gone, silent or has another topic of the same name. */
const nodes = new KafkaNodes()
afterEach(() => {
  nodes.broker?.thaw()
  return nodes.closeAll()
})

describe('kafkaTopics, when', () => {
  useKafka((broker) => {
    nodes.broker = broker
  })

  /** Appends messages one at a time until it is stopped, and records which were acknowledged. */
  function appending(append: (text: string) => Promise<number>) {
    const [acknowledged, failures]: [string[], Error[]] = [[], []]
    let isOver = false
    let longestMs = 0
    async function run(): Promise<void> {
      for (let n = 1; !isOver; n += 1) {
        const began = performance.now()
        await append(`m${n}`).then(
          () => acknowledged.push(`m${n}`),
          (error: Error) => failures.push(error),
        )
        longestMs = Math.max(longestMs, performance.now() - began)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    const running = run()
    const stop = async () => {
      isOver = true
      await running
      return longestMs
    }
    return { acknowledged, failures, stop }
  }

  it('the broker is killed and restarted, delivers every acknowledged message once and in order', async () => {
    const topic = await nodes.newTopic(2)
    const [one, other] = [nodes.open(topic), nodes.open(topic)]
    const followers = [await follow(one, 'a'), await follow(other, 'a')]
    const writer = appending((text) => one.append('a', text))
    await until(() => writer.acknowledged.length > 20, 'nothing was appended')
    await nodes.broker?.kill()
    await until(() => writer.failures.length > 0, 'no append failed while the broker was away')
    await nodes.broker?.start()
    const { length } = writer.acknowledged
    await until(() => writer.acknowledged.length > length + 20, 'nothing was appended after it was back', 30_000)
    await writer.stop()
    const last = writer.acknowledged.at(-1) ?? ''
    for (const follower of followers) {
      await until(() => follower.texts.includes(last), 'the last message did not arrive')
      const numbers = follower.texts.map((text) => Number(String(text).slice(1)))
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
      expect(writer.acknowledged.filter((text) => !follower.texts.includes(text))).toEqual([])
      expect(follower.gaps).toEqual([])
    }
    // At most one error per node, however long the broker was away.
    expect(nodes.reported.length).toBeLessThanOrEqual(2)
  })

  it('the broker is frozen, rejects calls in time, and works again after the broker resumes', async () => {
    const topic = await nodes.newTopic()
    const [one, other] = [nodes.open(topic, { timeoutMs: 1000 }), nodes.open(topic, { timeoutMs: 1000 })]
    const follower = await follow(other, 'a')
    const writer = appending((text) => one.append('a', text))
    await until(() => writer.acknowledged.length > 5, 'nothing was appended')
    await nodes.broker?.freeze()
    const began = performance.now()
    await expect(other.readAfter('a', 0, all)).rejects.toThrow('Kafka did not answer within 1000 ms.')
    await expect(other.tails(['a'])).rejects.toThrow('Kafka did not answer within 1000 ms.')
    expect(performance.now() - began).toBeLessThan(6000)
    await until(() => writer.failures.length > 1, 'no append failed')
    nodes.broker?.thaw()
    const { length } = writer.acknowledged
    await until(() => writer.acknowledged.length > length + 5, 'nothing was appended after it went on')
    expect(await writer.stop()).toBeLessThan(6000)
    const last = writer.acknowledged.at(-1) ?? ''
    await until(() => follower.texts.includes(last), 'the last message did not arrive')
    expect(writer.acknowledged.filter((text) => !follower.texts.includes(text))).toEqual([])
    expect(new Set(follower.texts).size).toBe(follower.texts.length)
  })

  it('the Kafka topic is deleted and recreated, has a new epoch, reports a gap and announces again', async () => {
    const topic = await nodes.newTopic()
    const [one, other] = [nodes.open(topic), nodes.open(topic)]
    const followers = [await follow(one, 'a'), await follow(other, 'a')]
    for (const text of ['m1', 'm2', 'm3']) await one.append('a', text)
    const before = await endOf(other, 'a')
    await until(() => followers.every(({ texts }) => texts.length === 3), 'not all arrived')
    await nodes.broker?.deleteTopic(topic)
    await nodes.broker?.createTopic(topic)
    await until(() => followers.every(({ nulls }) => nulls > 0), 'the nodes did not notice it')
    const after = await endOf(other, 'a')
    expect(after.epoch).not.toBe(before.epoch)
    await one.append('a', 'new')
    for (const follower of followers) {
      await until(() => follower.texts.includes('new'), 'the new message did not arrive')
      expect(follower.texts).toEqual(['m1', 'm2', 'm3', 'new'])
      expect(follower.gaps).toEqual([0])
    }
    expect((await endOf(one, 'a')).epoch).toBe(after.epoch)
  })

  it('partitions are added, agrees with nodes that start later on where each topic is', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `topic ${index}`)
    const topic = await nodes.newTopic(2)
    const one = nodes.open(topic)
    const followers = await Promise.all(names.map((name) => follow(one, name)))
    await Promise.all(names.map((name) => one.append(name, 'before')))
    await until(() => followers.every(({ texts }) => texts.includes('before')), 'not all arrived')
    const before = followers.map(({ nulls }) => nulls)
    await nodes.broker?.addPartitions(topic, 5)
    await until(() => followers.every(({ nulls }, index) => nulls > (before[index] ?? 0)), 'the node did not notice it')
    const later = nodes.open(topic)
    const followersThere = await Promise.all(names.map((name) => follow(later, name)))
    expect(await one.tails(names)).toEqual(await later.tails(names))
    for (const name of names) await one.append(name, 'one')
    for (const name of names) await later.append(name, 'later')
    for (const [index, follower] of followers.entries()) {
      await until(() => follower.texts.includes('later'), 'a message did not arrive')
      await until(() => followersThere[index]?.texts.includes('later') === true, 'a message did not arrive')
      expect([...follower.texts, ...(followersThere[index]?.texts ?? [])]).toEqual(['before', 'one', 'later', 'one', 'later'])
    }
    expect(followers.filter(({ gaps }) => gaps.length > 0).length).toBeGreaterThan(0)
  })
})
