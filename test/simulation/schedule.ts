import type { Notice, RequestKind } from './network.ts'
import type { Operation, Schedule, Setting, Signal } from './operations.ts'
import { Random } from './random.ts'

export const topics = ['news', 'constructor'] as const

const kinds: readonly RequestKind[] = ['websocket', 'sse', 'long-poll', 'poll', 'send']
const notices: readonly Notice[] = ['both', 'both', 'both', 'page', 'server', 'nobody']

type Draw = (random: Random, at: number) => readonly Operation[]

/** Traffic and faults, each with the weight of its draw. */
const draws: readonly (readonly [weight: number, draw: Draw])[] = [
  [20, (random, at) => [{ at, type: 'send', count: random.magnitude(1, 12), kind: kindOf(random), size: sizeOf(random) }]],
  [
    2,
    (random, at) => [{ at, type: 'send', count: random.integer(20, 150), kind: kindOf(random), size: random.magnitude(1, 300) }],
  ],
  [
    14,
    (random, at) => [
      { at, type: 'push', node: random.integer(0, 1), count: random.magnitude(1, 8), kind: kindOf(random), size: sizeOf(random) },
    ],
  ],
  [
    14,
    (random, at) => {
      const count = random.magnitude(1, 8)
      return [
        {
          at,
          type: 'publish',
          node: random.integer(0, 1),
          topic: random.pick(topics),
          count,
          kind: kindOf(random),
          size: sizeOf(random),
        },
      ]
    },
  ],
  [
    0.7,
    (random, at) => [
      lineOf(random, at),
      { at: at + 10, type: 'push', node: random.integer(0, 1), count: 30, kind: kindOf(random), size: 20_000 },
    ],
  ],
  [6, (random, at) => [{ at, type: 'request', count: random.magnitude(1, 30) }]],
  [5, (random, at) => [{ at, type: 'subscribe', node: random.integer(0, 1), topic: random.pick(topics) }]],
  [3, (random, at) => [{ at, type: 'unsubscribe', node: random.integer(0, 1), topic: random.pick(topics) }]],
  [10, (random, at) => [{ at, type: 'kill', pick: random.next(), ...cutOf(random) }]],
  [4, (random, at) => [{ at, type: 'kill-all', ...cutOf(random) }]],
  [3, (random, at) => [{ at, type: 'stall', forMs: random.magnitude(100, 20_000) }]],
  [4, (random, at) => [lineOf(random, at)]],
  [3, (random, at) => lasting(random, at, { at, type: 'proxy', proxy: proxyOf(random) }, { type: 'proxy', proxy: null })],
  [5, banned],
  [
    3,
    (random, at) => [
      {
        at,
        type: 'outage',
        how: random.pick(['refuse', 'hang']),
        forMs: random.magnitude(200, 40_000),
        isToldOffline: random.chance(0.5),
      },
    ],
  ],
  [3, (random, at) => [{ at, type: 'sleep', forMs: random.magnitude(500, 90_000), wakesWith: wakingOf(random) }]],
  [3, (random, at) => [{ at, type: 'signal', signal: random.pick(signals) }]],
  [1, (random, at) => [{ at, type: 'clock', byMs: random.pick([-60_000, -5000, 5000, 45_000]) }]],
  [
    1,
    (random, at) => [
      { at, type: 'node-clock', node: random.integer(0, 1), byMs: random.pick([-3_600_000, -60_000, 45_000, 600_000]) },
    ],
  ],
  [
    0.7,
    (random, at) => [
      {
        at,
        type: 'grow',
        node: random.integer(0, 1),
        sessions: random.magnitude(5, 300),
        everyMs: random.pick([0, 20, 200]),
      },
    ],
  ],
  [
    6,
    (random, at) => [
      {
        at,
        type: 'crash',
        node: random.integer(0, 1),
        forMs: random.magnitude(100, 30_000),
        notice: random.pick(['page', 'page', 'nobody']),
      },
    ],
  ],
  [
    2,
    (random, at) => [
      {
        at,
        type: 'leave',
        node: random.integer(0, 1),
        forMs: random.magnitude(500, 15_000),
        drainMs: random.pick([0, 1000, 5000]),
      },
    ],
  ],
  [3, (random, at) => [{ at, type: 'route', node: random.pick([0, 1, null]), gateway: random.pick(['none', 502, 503]) }]],
  [3, (random, at) => [{ at, type: 'trim', topic: random.pick(['', ...topics]), share: random.pick([0.5, 1]) }]],
  [1, (random, at) => [{ at, type: 'evict', topic: random.pick(topics) }]],
  [1.5, (_, at) => [{ at, type: 'forget' }]],
  [1.5, (_, at) => [{ at, type: 'rewind' }]],
  [2, (random, at) => [{ at, type: 'deaf', node: random.integer(0, 1), forMs: random.magnitude(50, 20_000) }]],
  [
    0.8,
    (random, at) => [
      {
        at,
        type: 'kick',
        node: random.integer(0, 1),
        code: random.pick([4001, 4321, 4999]),
        againAfterMs: random.pick([10, 5000, Infinity]),
      },
    ],
  ],
  [
    1.5,
    (random, at) => [
      {
        at,
        type: 'store',
        forMs: random.magnitude(50, 8000),
        fails: random.pick(['before', 'after', 'never']),
        share: random.pick([0.1, 0.5, 1]),
      },
    ],
  ],
]

const totalWeight = draws.reduce((sum, [weight]) => sum + weight, 0)
const signals: readonly Signal[] = ['online', 'offline', 'visible', 'hidden', 'pagehide', 'pageshow', 'freeze', 'resume']

/** The schedule of a seed. */
export function scheduleOf(seed: number): Schedule {
  const random = new Random(seed, 1)
  const setting = { ...settingOf(random), isPinned: new Random(seed, 9).chance(0.25) }
  if (random.chance(0.12)) return climbOf(seed, setting, random)
  const endMs = random.magnitude(3000, 120_000)
  return { seed, setting, operations: sorted(drawn(random, 0, endMs, random.integer(4, 22))), endMs }
}

/** Blocks the best transports at first, for so long that the client later dials them as challengers and is promoted. */
function climbOf(seed: number, setting: Setting, random: Random): Schedule {
  const forbidden = random.pick([['websocket'], ['websocket', 'sse'], ['websocket', 'sse', 'long-poll']] as const)
  const allowedAt = random.integer(3000, 25_000)
  const endMs = random.integer(45_000, 130_000)
  const bans = forbidden.flatMap((kind): Operation[] => [
    { at: 0, type: 'ban', kind, ban: random.pick(['refuse', 'hang', 502]), killsLiving: true },
    { at: allowedAt, type: 'allow', kind },
  ])
  const traffic = Array.from({ length: 12 }, () => {
    const at = random.integer(28_000, endMs)
    return random.chance(0.5)
      ? ({ at, type: 'send', count: random.magnitude(1, 12), kind: kindOf(random), size: sizeOf(random) } as const)
      : ({ at, type: 'push', node: random.integer(0, 1), count: 3, kind: kindOf(random), size: sizeOf(random) } as const)
  })
  const others = drawn(random, 28_000, endMs, random.integer(0, 8))
  return {
    seed,
    setting: { ...setting, firstTransport: 0, lastTransport: 3, remembered: null },
    operations: sorted([...bans, ...traffic, ...others]),
    endMs,
  }
}

function drawn(random: Random, fromMs: number, endMs: number, count: number): Operation[] {
  const times = Array.from({ length: count }, () => fromMs + random.next() * (endMs - fromMs)).sort((a, b) => a - b)
  // Many bugs appear only when one event follows right after another.
  const close = times.map((at, index) => (random.chance(0.4) ? (times[index - 1] ?? at) + random.magnitude(1, 400) : at))
  return close.flatMap((at) => draw(random)(random, Math.round(at)))
}

function sorted(operations: readonly Operation[]): Operation[] {
  return [...operations].sort((a, b) => a.at - b.at)
}

function settingOf(random: Random): Omit<Setting, 'isPinned'> {
  const isSmall = random.chance(0.15)
  const isOne = random.chance(0.25)
  const firstTransport = isOne ? random.integer(0, 3) : random.chance(0.3) ? 1 : 0
  return {
    firstTransport,
    lastTransport: isOne ? firstTransport : 3,
    heartbeatMs: random.pick([5000, 15_000]),
    resumeWindowMs: random.pick([40_000, 120_000]),
    leaseMs: random.pick([2000, 10_000]),
    storeMs: random.pick([0, 0, 2, 20]),
    handlerMs: random.pick([0, 0, 100, 2500]),
    throwShare: random.pick([0, 0.1]),
    echoShare: random.pick([0, 0.2]),
    hasOnEnd: random.chance(0.5),
    resends: random.chance(0.85),
    maxMessageBytes: isSmall ? 6000 : 1_048_576,
    maxBatchBytes: isSmall ? 9000 : 4_194_304,
    socketBytes: random.pick([2000, 16_384, 65_536]),
    remembered: random.pick([null, null, 'websocket', 'sse', 'poll']),
  }
}

function draw(random: Random): Draw {
  let left = random.next() * totalWeight
  for (const [weight, each] of draws) {
    left -= weight
    if (left < 0) return each
  }
  return () => []
}

function banned(random: Random, at: number): readonly Operation[] {
  const kind = random.pick(kinds)
  // A client may give up on a server that offers none of the transports.
  const ban = random.pick(
    kind === 'poll' || kind === 'send'
      ? (['refuse', 'hang', 'swallow', 502] as const)
      : (['refuse', 'hang', 'swallow', 502, 405] as const),
  )
  return lasting(random, at, { at, type: 'ban', kind, ban, killsLiving: random.chance(0.7) }, { type: 'allow', kind })
}

function lasting(
  random: Random,
  at: number,
  begin: Operation,
  end: { readonly type: 'proxy'; readonly proxy: null } | { readonly type: 'allow'; readonly kind: RequestKind },
): readonly Operation[] {
  return random.chance(0.5) ? [begin, { at: at + random.magnitude(500, 40_000), ...end }] : [begin]
}

function lineOf(random: Random, at: number): Operation {
  return {
    at,
    type: 'line',
    latencyMs: random.magnitude(1, 1500),
    jitterMs: random.magnitude(1, 400),
    bytesPerMs: random.pick([3, 30, 1000, 100_000]),
  }
}

function proxyOf(random: Random) {
  return { holdBytes: random.pick([100, 2048, Infinity]), holdsHead: random.chance(0.3) }
}

function cutOf(random: Random) {
  return {
    shareUp: random.pick([0, 1, random.next()]),
    shareDown: random.pick([0, 1, random.next()]),
    notice: random.pick(notices),
  }
}

function kindOf(random: Random) {
  return random.chance(0.35) ? ('binary' as const) : ('text' as const)
}

function sizeOf(random: Random): number {
  return random.chance(0.06) ? random.magnitude(5000, 70_000) : random.magnitude(1, 200)
}

function wakingOf(random: Random): readonly Signal[] {
  return random.pick([[], ['resume'], ['visible'], ['online'], ['resume', 'visible', 'online']] as const)
}
