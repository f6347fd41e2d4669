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
 * What comes before all else on a connection: the scripts, the life of each bucket, the name of the store, which is returned.
 * @throws PolicyError if Redis may discard what it has
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
      // One bucket has the name of all.
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
