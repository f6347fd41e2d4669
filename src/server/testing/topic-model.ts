import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Stored } from '../store/ports.ts'
import { type Random, withSeed } from './random.ts'
import { checkReading } from './readings.ts'
import { endOf, readTopic, type TopicCheck, type TopicTrial } from './topic-trial.ts'

const runs = 30
const steps = 40

export const topicModel: readonly TopicCheck[] = [
  [
    'does what a plain list would do, at random',
    (trial) =>
      withSeed(trial.seed, async (random) => {
        for (let run = 1; run <= runs; run += 1) await likeAList(trial, `${trial.topic}, run ${run}`, random)
      }),
  ],
]

async function likeAList({ one, other }: TopicTrial, topic: string, random: Random): Promise<void> {
  const { epoch, offset: start } = await endOf(one, topic)
  const list: Stored[] = []
  for (let step = 0; step < steps; step += 1) {
    const node = random.pick([one, other])
    const after = random.below(3) === 0 ? start : (list[random.below(list.length + 1)]?.offset ?? start)
    const rest = list.filter(({ offset }) => offset > after)
    switch (random.pick(['append', 'append', 'read', 'last'] as const)) {
      case 'append': {
        const data = random.pick(['', 'a', '€', 'long '.repeat(random.below(100))])
        list.push({ offset: await node.append(topic, data), data })
        break
      }
      case 'read': {
        const limits = { maxMessages: 1 + random.below(9), maxBytes: random.below(400) }
        const reading = await node.readAfter(topic, after, limits)
        checkReading(reading, after, limits)
        equal(reading.epoch, epoch)
        equal(reading.messages.length > 0, rest.length > 0, 'at least one message is returned, if there is one')
        deepEqual(reading.messages, rest.slice(0, reading.messages.length))
        const [last, next] = [reading.messages.at(-1), rest[reading.messages.length]]
        ok(!last || !next || reading.tail > last.offset, 'a message follows, so the tail is above the last one that was read')
        deepEqual(await readTopic(node, topic, after, limits), rest)
        break
      }
      case 'last': {
        const last = random.below(12)
        const position = await endOf(node, topic, last)
        deepEqual(await readTopic(node, topic, position.offset), last === 0 ? [] : list.slice(-last))
        break
      }
    }
  }
}
