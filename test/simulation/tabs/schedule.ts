import type { Notice } from '../network.ts'
import { Random } from '../random.ts'

/** An event at a given time; `pick` in [0, 1) selects one of the open tabs. */
export type TabOperation = { readonly at: number } & (
  | { readonly type: 'open' }
  | { readonly type: 'push'; readonly count: number }
  | { readonly type: 'publish'; readonly topic: string }
  /** A request of the server to the page. */
  | { readonly type: 'ask' }
  /** The server ends the session; each application connects again, some from the listener to `close`. */
  | { readonly type: 'end' }
  | ({ readonly pick: number } & (
      | { readonly type: 'send'; readonly count: number }
      | { readonly type: 'crash' | 'close' }
      /** The tab begins or ceases to use a topic. */
      | { readonly type: 'topic'; readonly topic: string }
      | { readonly type: 'freeze' | 'hide' | 'stall'; readonly forMs: number }
      | { readonly type: 'cut'; readonly share: number; readonly notice: Notice }
    ))
)

export interface TabSchedule {
  readonly seed: number
  /** The first transport that the tabs may use. */
  readonly transport: number
  /** The longest delay of a message between tabs, in milliseconds. */
  readonly channelMs: number
  readonly operations: readonly TabOperation[]
  readonly endMs: number
}

export const topics = ['one', 'two', 'three'] as const

const draws: readonly (readonly [weight: number, draw: (random: Random, at: number) => TabOperation])[] = [
  [8, (_, at) => ({ at, type: 'open' })],
  [24, (random, at) => ({ at, type: 'send', pick: random.next(), count: random.magnitude(1, 10) })],
  [18, (random, at) => ({ at, type: 'push', count: random.magnitude(1, 10) })],
  [14, (random, at) => ({ at, type: 'topic', pick: random.next(), topic: random.pick(topics) })],
  [8, (random, at) => ({ at, type: 'publish', topic: random.pick(topics) })],
  [8, (_, at) => ({ at, type: 'ask' })],
  [5, (random, at) => ({ at, type: 'crash', pick: random.next() })],
  [5, (random, at) => ({ at, type: 'close', pick: random.next() })],
  [8, (random, at) => ({ at, type: 'freeze', pick: random.next(), forMs: random.magnitude(100, 20_000) })],
  [5, (random, at) => ({ at, type: 'hide', pick: random.next(), forMs: random.magnitude(100, 10_000) })],
  [
    5,
    (random, at) => ({
      at,
      type: 'cut',
      pick: random.next(),
      share: random.next(),
      notice: random.pick(['both', 'page', 'nobody']),
    }),
  ],
  [2, (random, at) => ({ at, type: 'stall', pick: random.next(), forMs: random.magnitude(100, 5000) })],
]

const totalWeight = draws.reduce((sum, [weight]) => sum + weight, 0)

function drawn(random: Random, at: number): TabOperation {
  let weight = random.next() * totalWeight
  for (const [each, draw] of draws) {
    weight -= each
    if (weight < 0) return draw(random, at)
  }
  return { at, type: 'open' }
}

/** The schedule of a seed; `hasEnds`: the server may end the session. */
export function tabScheduleOf(seed: number, hasEnds = false): TabSchedule {
  const random = new Random(seed, 31)
  const endMs = random.magnitude(2000, 30_000)
  const count = random.integer(5, 40)
  // Most events are close together, since bugs appear when events overlap.
  const focus = Array.from({ length: 4 }, () => random.next() * endMs)
  const operations = Array.from({ length: count }, () => {
    const at = random.chance(0.6) ? Math.min(endMs, random.pick(focus) + random.magnitude(1, 400)) : random.next() * endMs
    return drawn(random, at)
  })
  operations.push({ at: 0, type: 'open' }, { at: 1, type: 'open' })
  const ends = hasEnds ? random.integer(0, 2) : 0
  for (let index = 0; index < ends; index += 1)
    operations.push({ at: random.pick(operations).at + random.magnitude(1, 50), type: 'end' })
  operations.sort((one, other) => one.at - other.at)
  return {
    seed,
    transport: random.chance(0.7) ? 0 : random.integer(1, 3),
    channelMs: random.pick([0, 5, 50, 200]),
    operations,
    endMs,
  }
}

export function describeTabs({ at: _, ...operation }: TabOperation): string {
  return JSON.stringify(operation)
}
