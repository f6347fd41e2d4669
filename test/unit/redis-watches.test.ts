import { expect, it } from 'vitest'
import { Buckets } from '../../src/redis/buckets.ts'
import type { SubscriberEvents } from '../../src/redis/clients/contracts.ts'
import { Watches } from '../../src/redis/watches.ts'
import { ManualClock, promised } from '../support/manual-host.ts'

/** Watches over a connection that is ready, and the channels to which it has been subscribed. */
function benchOf() {
  const clock = new ManualClock(0)
  const channels: string[] = []
  let client: SubscriberEvents | undefined
  const watches = new Watches({
    connector: {
      isCluster: false,
      keyPrefix: '',
      commands: () => ({ load: async () => {}, evalSha: async () => [], evaluate: async () => [], close: () => {} }),
      subscriber(events) {
        client = events
        return {
          subscribe: async (names) => void channels.push(...names),
          unsubscribe: async () => {},
          close: () => {},
        }
      },
    },
    buckets: new Buckets('', false),
    timeoutMs: 3000,
    host: {
      now: () => clock.now(),
      elapsedMs: () => clock.now(),
      after: (delayMs, run) => clock.after(delayMs, run),
      randomId: () => 'id',
    },
  })
  client?.ready()
  return { watches, channels }
}

it.each([0, 1, 2, 3, 4, 5])('subscribes to a channel that is watched %i microtasks after another became ready', async (ticks) => {
  const { watches, channels } = benchOf()
  await watches.watch('a', () => {}).ready
  for (let tick = 0; tick < ticks; tick += 1) await null
  watches.watch('b', () => {})
  await promised()
  expect(channels).toEqual(['a', 'b'])
})

it.each([0, 1, 2, 3, 4, 5])('subscribes to a channel that is watched %i microtasks after another was given up', async (ticks) => {
  const { watches, channels } = benchOf()
  const watch = watches.watch('a', () => {})
  await watch.ready
  watch.stop()
  for (let tick = 0; tick < ticks; tick += 1) await null
  watches.watch('b', () => {})
  await promised()
  expect(channels).toEqual(['a', 'b'])
})
