import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Payload, Position } from '../store/ports.ts'
import { everything } from './readings.ts'
import { endOf, fill, hasHeard, listen, readTopic, type TopicCheck, type TopicTrial, textsOf } from './topic-trial.ts'

/** A check that loses the tail, if the engine can. */
function afterLoss(name: string, check: (trial: TopicTrial, lose: () => Promise<void>) => Promise<void>): TopicCheck {
  return [
    name,
    async (trial) => {
      const { store } = trial
      if (store.loseTail) await check(trial, () => store.loseTail?.() ?? Promise.resolve())
    },
  ]
}

const survives = async ({ store }: TopicTrial) => {
  await store.checkpoint?.()
}

export const topicLives: readonly TopicCheck[] = [
  afterLoss(
    'continues a topic that lost its tail above all offsets it had given out, and reports the gap',
    async (trial, lose) => {
      const { store, one, other, topic } = trial
      const early = await fill(one, topic, textsOf(3))
      await survives(trial)
      const { epoch } = await endOf(one, topic)
      const late = await fill(one, topic, ['lost 1', 'lost 2', 'lost 3'])
      const positions = [0, ...early, ...late].map((each) => (typeof each === 'number' ? each : each.offset))
      const last = late.at(-1)?.offset ?? 0
      await lose()
      for (const node of [other, one]) {
        const end = await endOf(node, topic)
        // The topic itself may have been created after the engine's last checkpoint.
        if (store.checkpoint) equal(end.epoch, epoch, 'the epoch stays')
        ok(end.offset >= last, `the end of the topic, ${end.offset}, is not below the offset ${last} that was given out`)
        for (const position of positions) {
          const reading = await node.readAfter(topic, position, everything)
          equal(reading.epoch, end.epoch)
          ok(reading.lostThrough >= last, `lostThrough, ${reading.lostThrough}, covers the offset ${last} that was given out`)
          deepEqual(reading.messages, [], 'nothing of before is delivered again')
        }
      }
      const after = await fill(other, topic, ['after 1', 'after 2'])
      ok((after[0]?.offset ?? 0) > last, 'what is appended later is above all that was given out')
      for (const position of positions) deepEqual(await readTopic(one, topic, position), after)
      const { offset: end } = await endOf(one, topic)
      deepEqual(await readTopic(one, topic, end), [])
    },
  ),
  afterLoss('gives no offset a second meaning, however often the tail is lost', async (trial, lose) => {
    const { store, one, other, topic } = trial
    const meanings = new Map<string, Payload>()
    for (let life = 1; life <= 3; life += 1) {
      const { epoch } = await endOf(one, topic)
      const texts = textsOf(4).map((text) => `life ${life}, ${text}`)
      for (const { offset, data } of await fill(life % 2 ? one : other, topic, texts)) {
        const place = `${epoch} ${offset}`
        equal(meanings.get(place), undefined, `the offset ${offset} was given out before`)
        meanings.set(place, data)
      }
      const held = await readTopic(other, topic, 0)
      for (const { offset, data } of held) equal(data, meanings.get(`${epoch} ${offset}`))
      if (life === 1) await store.checkpoint?.()
      await lose()
    }
  }),
  afterLoss('continues topics that nobody uses when the tail is lost', async (trial, lose) => {
    const { one, other, topic } = trial
    const topics = textsOf(5).map((text) => `${topic}, ${text}`)
    for (const name of topics) await fill(one, name, ['early'])
    await survives(trial)
    const given = new Map<string, Position>()
    for (const name of topics) {
      await fill(other, name, ['late'])
      given.set(name, await endOf(other, name))
    }
    await lose()
    for (const name of topics) {
      const before = given.get(name)
      ok(before)
      const offset = await one.append(name, 'after')
      ok(offset > before.offset, 'the first message of the new life is above all that was given out')
      deepEqual(await readTopic(other, name, before.offset), [{ offset, data: 'after' }])
    }
  }),
  afterLoss('announces to all that watch that something may have been missed', async (trial, lose) => {
    const { until, one, other, topic } = trial
    const heard = await Promise.all([listen(one, topic), listen(other, topic)])
    await fill(one, topic, ['early'])
    await survives(trial)
    await fill(one, topic, ['late'])
    for (const { news } of heard) news.length = 0
    await lose()
    const hasNull = () => heard.every(({ news }) => news.includes(null))
    await until('the watchers did not receive `null`, which says that something may have been missed', hasNull)
    const { offset: end } = await endOf(other, topic)
    for (const { news } of heard) news.length = 0
    const offset = await one.append(topic, 'after')
    await until('an append of the new life was not announced', () => heard.every((each) => hasHeard(each, offset)))
    for (const { stop } of heard) stop()
    deepEqual(await readTopic(other, topic, end), [{ offset, data: 'after' }])
  }),
  afterLoss('forgets the keys of what it lost, and appends the message again', async (trial, lose) => {
    const { store, one, other, topic } = trial
    if (store.unsupported?.includes('key')) return
    await fill(one, topic, ['early'])
    await survives(trial)
    const before = await one.append(topic, 'lost', { key: 'k' })
    await lose()
    const offset = await other.append(topic, 'again', { key: 'k' })
    ok(offset > before, 'a message that was lost is appended again')
    equal(await one.append(topic, 'again', { key: 'k' }), offset)
    deepEqual(await readTopic(one, topic, before), [{ offset, data: 'again' }])
  }),
]
