import type { Buckets } from './buckets.ts'
import type { CommandClient } from './clients/contracts.ts'
import type { StoreClock } from './clock.ts'
import { messageOf } from './failures.ts'
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
 * @throws SetupError if Redis may evict keys, or if its user may not run the scripts or publish
 */
export async function hello(
  client: CommandClient,
  { all, buckets, scripts, host, clock }: HelloSettings,
  answered: (bucket: number, reply: readonly unknown[]) => void,
): Promise<string> {
  await client.load(all.map(({ text }) => text)).catch(failed)
  clock.reset()
  const sentAt = host.elapsedMs()
  const newId = host.randomId()
  const ids = await Promise.all(
    buckets.all.map(async (bucket) => {
      const key = `${buckets.base(bucket)}b`
      // The first bucket holds the store's id.
      const reply = repliesOf(await client.evaluate(scripts.hello.text, key, [bucket === 0 ? newId : '']).catch(failed))
      const [, now, id, policy] = reply.map(String)
      if (policy !== 'noeviction') throw new PolicyError(policy)
      answered(bucket, reply)
      if (bucket === 0) clock.sample(Number(now), sentAt)
      return id ?? ''
    }),
  )
  return ids[0] ?? ''
}

/** Redis, as it is set up, cannot hold a store: no call is sent. */
export class SetupError extends Error {}

class PolicyError extends SetupError {
  constructor(policy = 'unknown') {
    super(
      `redisStore: the setting maxmemory-policy of Redis is '${policy}'; it must be 'noeviction', or Redis discards sessions when its memory is full (CONFIG SET maxmemory-policy noeviction, and the same in redis.conf).`,
    )
  }
}

function failed(error: unknown): never {
  const message = messageOf(error)
  if (!/NOPERM|ACL failure|executing the script can't/.test(message)) throw error
  throw new SetupError(
    `redisStore: the user of Redis may not do what the store needs: ${message}. Allow it the keys and channels of the prefix, and the commands of the scripts (ACL SETUSER; docs/guide/redis.md lists them).`,
    { cause: error },
  )
}

function repliesOf(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply
  throw new TypeError('a script returned no list')
}
