import type { Buckets } from './buckets.ts'
import type { Connector } from './clients/contracts.ts'
import type { StoreClock } from './clock.ts'
import type { RedisHost } from './host.ts'
import type { LinkScripts } from './scripts/link-scripts.ts'
import type { Script } from './scripts/script.ts'

/** The settings and parts of a link. */
export interface LinkSettings {
  readonly connector: Connector
  readonly buckets: Buckets
  readonly timeoutMs: number
  readonly scripts: LinkScripts
  /** All scripts: they are loaded into Redis at each connect, before the first one runs. */
  readonly all: readonly Script[]
  readonly host: RedisHost
  readonly clock: StoreClock
  /** A bucket has begun a new life: what this node knows of it may be outdated. */
  newLife(bucket: number): void
  /** Redis has not answered for long, although there is a connection. */
  silent(): void
}
