import type { Buckets } from './buckets.ts'
import type { Connector } from './clients/contracts.ts'
import type { StoreClock } from './clock.ts'
import type { RedisHost } from './host.ts'
import type { LinkScripts } from './scripts/link-scripts.ts'
import type { Script } from './scripts/script.ts'

/** What belongs to a link. */
export interface LinkSettings {
  readonly connector: Connector
  readonly buckets: Buckets
  readonly timeoutMs: number
  readonly scripts: LinkScripts
  /** All scripts: Redis receives them at each connection, before the first of them is run. */
  readonly all: readonly Script[]
  readonly host: RedisHost
  readonly clock: StoreClock
  /** A bucket has begun a new life: what was known of it may not hold any more. */
  newLife(bucket: number): void
  /** Redis has not answered for long, though there is a connection. */
  silent(): void
}
