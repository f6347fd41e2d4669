import type { Buckets } from './buckets.ts'
import type { CommandClient } from './clients/contracts.ts'
import type { StoreClock } from './clock.ts'
import type { RedisHost } from './host.ts'
import type { LinkScripts } from './scripts/link-scripts.ts'
import type { Script } from './scripts/script.ts'

export interface HelloSettings {
  readonly buckets: Buckets
  readonly scripts: LinkScripts
  readonly all: readonly Script[]
  readonly host: RedisHost
  readonly clock: StoreClock
}

/**
 * Runs first on each connection: loads the scripts, reads the life of each bucket, and returns the store's id.
 * @throws PolicyError if Redis may evict keys
 */
export async function hello(
  client: CommandClient,
  { all, buckets, scripts, host, clock }: HelloSettings,
  answered: (bucket: number, reply: readonly unknown[]) => void,
): Promise<string> {
  await client.load(all.map(({ text }) => text))
  clock.reset()
  const sentAt = host.elapsedMs()
  const newId = host.randomId()
  const ids = await Promise.all(
    buckets.all.map(async (bucket) => {
      const key = `${buckets.base(bucket)}b`
      // The first bucket holds the store's id.
      const reply = repliesOf(await client.evaluate(scripts.hello.text, key, [bucket === 0 ? newId : '']))
      const [, now, id, policy] = reply.map(String)
      if (policy !== 'noeviction') throw new PolicyError(policy)
      answered(bucket, reply)
      if (bucket === 0) clock.sample(Number(now), sentAt)
      return id ?? ''
    }),
  )
  return ids[0] ?? ''
}

export class PolicyError extends Error {
  constructor(policy = 'unknown') {
    super(
      `redisStore: the setting maxmemory-policy of Redis is '${policy}'; it must be 'noeviction', or Redis discards sessions when its memory is full (CONFIG SET maxmemory-policy noeviction, and the same in redis.conf).`,
    )
  }
}

function repliesOf(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply
  throw new TypeError('a script returned no list')
}
