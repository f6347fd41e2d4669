import { afterAll, describe, it } from 'vitest'
import type { KafkaTopics } from '../../src/kafka/index.ts'
import { topicLogContract } from '../../src/server/testing/index.ts'
import { useKafka } from '../support/kafka-broker.ts'
import { KafkaNodes } from '../support/kafka-nodes.ts'
import { seedOf } from '../support/seeded.ts'

/** `kafkaTopics()` keeps to the contract of a `TopicLog`, against a real broker; one pair of nodes serves all cases. */
const nodes = new KafkaNodes()
afterAll(() => nodes.closeAll())

describe('kafkaTopics', () => {
  useKafka((broker) => {
    nodes.broker = broker
  })
  let pair: Promise<readonly [KafkaTopics, KafkaTopics]> | null = null
  async function open() {
    pair ??= nodes.newTopic(3).then((topic) => [nodes.open(topic), nodes.open(topic)] as const)
    return { nodes: await pair, close: () => Promise.resolve() }
  }
  for (const { name, run } of topicLogContract(open, { seed: seedOf(process.env) })) it(name, run)
})
