import { setTimeout as sleep } from 'node:timers/promises'
import * as kafka from '@platformatic/kafka'
import { afterEach, describe, expect, it } from 'vitest'
import { type KafkaBridge, type KafkaBridgeOptions, kafkaBridge, platformaticConsumer } from '../../src/kafka/index.ts'
import { memoryStore, RealtimeServer } from '../../src/server/index.ts'
import { useKafka } from '../support/kafka-broker.ts'
import { follow, KafkaNodes, readAll, until } from '../support/kafka-nodes.ts'

/** `kafkaBridge()` against a real broker. */
const nodes = new KafkaNodes()
const bridges: KafkaBridge[] = []
afterEach(async () => {
  await Promise.all(bridges.splice(0).map((bridge) => bridge.stop()))
  await nodes.closeAll()
})

const texts = Array.from({ length: 20 }, (_, index) => `record ${index + 1}`)

describe('kafkaBridge', () => {
  useKafka((broker) => {
    nodes.broker = broker
  })

  async function produce(topic: string, values: readonly string[], key = 'page'): Promise<void> {
    const producer = new kafka.Producer({ clientId: 'application', bootstrapBrokers: [nodes.address] })
    const messages = values.map((value) => ({ topic, key: Buffer.from(key), value: Buffer.from(value) }))
    await producer.send({ messages, acks: -1 })
    await producer.close()
  }

  function bridge(topic: string, options: Omit<KafkaBridgeOptions, 'consumer'>): KafkaBridge {
    const group = { groupId: `group-of-${topic}`, topics: [topic], from: 'earliest' } as const
    const place = { clientId: 'test', bootstrapBrokers: [nodes.address], onError: () => {} }
    const started = kafkaBridge({ consumer: platformaticConsumer(kafka, { ...group, ...place }), onError: () => {}, ...options })
    bridges.push(started)
    return started
  }

  it('publishes every record once to the followers of two servers whose topics are in Kafka', async () => {
    const [source, topic] = [await nodes.newTopic(2), await nodes.newTopic(2)]
    const logs = [nodes.open(topic), nodes.open(topic)] as const
    const { sessions } = memoryStore()
    const servers = logs.map((topics) => new RealtimeServer({ topics, sessions }))
    const followers = await Promise.all(logs.map((log) => follow(log, 'page')))
    await produce(source, texts)
    bridge(source, { publish: (name, data, options) => servers[0]?.publish(name, data, options) ?? Promise.reject() })
    for (const follower of followers) {
      await until(() => follower.texts.length >= texts.length, 'not all records were published')
      expect(follower.texts).toEqual(texts)
    }
    await Promise.all(servers.map((server) => server.close()))
  })

  it('finishes the publication in flight on stop(), and a new bridge resumes with the next record', async () => {
    const source = await nodes.newTopic()
    await produce(source, texts)
    const published: string[] = []
    const finishing: (() => void)[] = []
    const first = bridge(source, {
      publish: async (_, data) => {
        if (data === 'record 6') await new Promise<void>((resolve) => finishing.push(resolve))
        published.push(String(data))
      },
    })
    await until(() => finishing.length === 1, 'the sixth record was not published')
    let isStopped = false
    const stopped = first.stop().then(() => {
      isStopped = true
    })
    await sleep(100)
    expect(isStopped).toBe(false)
    finishing[0]?.()
    await stopped
    await first.ended
    expect(published).toEqual(texts.slice(0, 6))
    bridge(source, { publish: async (_, data) => void published.push(String(data)) })
    await until(() => published.length === texts.length, 'the rest was not published')
    expect(published).toEqual(texts)
  })

  it('retries a failed publication before the next record, with a key by which the store drops the duplicate', async () => {
    const [source, topic] = [await nodes.newTopic(), await nodes.newTopic()]
    const log = nodes.open(topic)
    await produce(source, texts)
    const [errors, keys]: [unknown[], string[]] = [[], []]
    let calls = 0
    bridge(source, {
      onError: (error) => errors.push(error),
      async publish(name, data, { key }) {
        keys.push(key)
        await log.append(name, data, { key })
        calls += 1
        // The record has been appended, but the bridge is told that it failed.
        if (calls === 3) throw new Error('no answer')
      },
    })
    await until(() => calls === texts.length + 1, 'not all records were published')
    expect(errors.map(String)).toEqual(['Error: no answer'])
    expect(keys.slice(1, 5)).toEqual([`${source}-0-1`, `${source}-0-2`, `${source}-0-2`, `${source}-0-3`])
    expect((await readAll(log, 'page')).texts).toEqual(texts)
  })

  it("reports and skips a record that cannot be mapped or published, and ends on it with onBadRecord 'stop'", async () => {
    const source = await nodes.newTopic()
    await produce(source, ['{"to":"a"}', 'no JSON', '{"to":null}', '{"to":"too large"}', '{"to":"b"}'])
    const [errors, published]: [unknown[], string[]] = [[], []]
    const options: Omit<KafkaBridgeOptions, 'consumer'> = {
      onError: (error) => errors.push(error),
      toTopic: ({ value }) => JSON.parse(String(value)).to,
      publish: async (topic) => {
        if (topic === 'too large') throw new RangeError('too large')
        published.push(topic)
      },
    }
    const stopping = bridge(source, { ...options, onBadRecord: 'stop' })
    await expect(stopping.ended).rejects.toThrow(`kafkaBridge: the record ${source}-0-1 cannot be published.`)
    expect(published).toEqual(['a'])
    await stopping.stop()
    bridge(source, options)
    await until(() => published.includes('b'), 'it did not go on')
    expect(published).toEqual(['a', 'b'])
    expect(errors.map(String)).toEqual(
      [1, 1, 3].map((offset) => `Error: kafkaBridge: the record ${source}-0-${offset} cannot be published.`),
    )
  })
})

it.each([
  [null, 'kafkaBridge: the argument must be an object of options; it was null.'],
  [{}, 'kafkaBridge: consumer must be a KafkaConsumer, such as platformaticConsumer('],
  [{ consumer: { start() {}, commit() {}, close() {} } }, 'kafkaBridge: publish must be a function; it was undefined.'],
])('kafkaBridge() and platformaticConsumer() throw for the invalid options %j', (options, message) => {
  expect(() => kafkaBridge(options as never)).toThrow(message)
  expect(() => platformaticConsumer(kafka, { ...options, clientId: 'a', bootstrapBrokers: ['a:1'] } as never)).toThrow(
    'platformaticConsumer: groupId must be a string without spaces; it was undefined.',
  )
})
