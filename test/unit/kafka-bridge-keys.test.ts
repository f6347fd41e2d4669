import { expect, it } from 'vitest'
import { type ConsumedRecord, type KafkaConsumer, kafkaBridge } from '../../src/kafka/index.ts'
import { memoryStore, RealtimeServer } from '../../src/server/index.ts'

/** The longest name of a Kafka topic. */
const longest = 'a'.repeat(249)
type Place = Pick<ConsumedRecord, 'topic' | 'partition' | 'offset'>

/** The keys under which a bridge publishes records, all of which a server accepts. */
async function keysOf(places: readonly Place[]): Promise<string[]> {
  const [errors, keys]: [unknown[], string[]] = [[], []]
  const server = new RealtimeServer(memoryStore())
  const consumer: KafkaConsumer = {
    async start(handle) {
      for (const place of places)
        await handle({ ...place, key: Buffer.from('page'), value: Buffer.from('x'), timestamp: 0, headers: [] })
    },
    commit: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
  const bridge = kafkaBridge({
    consumer,
    publish(topic, data, options) {
      keys.push(options.key)
      return server.publish(topic, data, options)
    },
    onError: (error) => errors.push(error),
  })
  await bridge.ended
  await server.close()
  expect(errors).toEqual([])
  return keys
}

it('publishes each record of the longest topic names, partitions and offsets under a key of its own', async () => {
  const other = `${longest.slice(1)}b`
  const places = [longest, other].flatMap((topic) =>
    [0, 1, 2_147_483_647].flatMap((partition) =>
      [0, 9999, 10_000, Number.MAX_SAFE_INTEGER].map((offset) => ({ topic, partition, offset })),
    ),
  )
  const keys = await keysOf(places)
  expect(new Set(keys).size).toBe(places.length)
  expect(await keysOf(places)).toEqual(keys)
})

it('keeps the name of a topic in the key where there is room', async () => {
  const keys = await keysOf([
    { topic: 'orders', partition: 3, offset: 12 },
    { topic: longest, partition: 0, offset: 9999 },
    { topic: longest, partition: 0, offset: 10_000 },
  ])
  expect(keys).toEqual(['orders-3-12', `${longest}-0-9999`, expect.stringMatching(/^[0-9a-f]{64}#0-10000$/)])
})
