import { nodeHost } from '../server/node/process-host.ts'
import type { SessionStore, TopicLog } from '../server/store/ports.ts'
import { Buckets } from './buckets.ts'
import { StoreClock } from './clock.ts'
import { Heartbeat } from './heartbeat.ts'
import { Link } from './link.ts'
import { type RedisStoreOptions, settingsOf } from './options.ts'
import { linkScripts } from './scripts/link-scripts.ts'
import { sessionScripts } from './scripts/session-scripts.ts'
import { topicScripts } from './scripts/topic-scripts.ts'
import { RedisSessions } from './sessions.ts'
import { RedisTopics } from './topics.ts'
import { Watches } from './watches.ts'

/** The topics and sessions of all servers that share a Redis. */
export interface RedisStore {
  readonly topics: TopicLog
  readonly sessions: SessionStore
  /** Closes the store's connections; pending calls reject. The application's client stays as it is. */
  close(): Promise<void>
}

/**
 * Creates a store in Redis 6.2 or later (a cluster: 7 or later): pass its `topics` and `sessions` to the `RealtimeServer` of each
 * node. It connects at once, and reconnects after each loss; calls wait for the connection, for at most `timeoutMs`.
 * @throws TypeError for an invalid option; the message names it
 */
export function redisStore(options: RedisStoreOptions): RedisStore {
  const settings = settingsOf(options)
  const { connector, prefix, timeoutMs, maxBytesPerStream } = settings
  const host = nodeHost(undefined)
  const buckets = new Buckets(prefix, connector.isCluster)
  const scriptSettings = {
    ...settings,
    isCluster: connector.isCluster,
    maxTopics: Math.ceil(settings.maxTopics / buckets.count),
  }
  const ofTopics = topicScripts(scriptSettings)
  const ofSessions = sessionScripts(scriptSettings)
  const ofLink = linkScripts(scriptSettings)
  const clock = new StoreClock(host.elapsedMs, host.now)
  const watches = new Watches({ connector, buckets, timeoutMs, host })
  const link = new Link({
    connector,
    buckets,
    timeoutMs,
    host,
    clock,
    scripts: ofLink,
    all: [...Object.values(ofTopics), ...Object.values(ofSessions), ofLink.beat],
    newLife: (bucket) => watches.announceMissed(bucket),
    // The other connection to the same server is probably silent too.
    silent() {
      const cause = new Error('the connection was silent')
      link.restart(cause)
      watches.restart(cause)
    },
  })
  const heartbeat = new Heartbeat({
    link,
    watches,
    buckets,
    clock,
    host,
    timeoutMs,
    script: ofLink.beat,
    touch: ofTopics.touch,
  })
  return {
    topics: new RedisTopics(link, watches, buckets, ofTopics, maxBytesPerStream),
    sessions: new RedisSessions(link, watches, buckets, ofSessions, { clock, maxBytesPerStream }),
    async close() {
      heartbeat.stop()
      link.close()
      watches.close()
    },
  }
}
