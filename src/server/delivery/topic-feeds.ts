import type { ServerHost } from '../node/host.ts'
import type { TopicLog } from '../store/ports.ts'
import type { LoopIteration } from '../util/loop-iteration.ts'
import { partsOf } from '../util/parts.ts'
import { CatchUp } from './catch-up.ts'
import { type Follower, TopicFeed } from './topic-feed.ts'

/** How long a feed is kept without followers, in milliseconds: polling and reconnecting clients return within it. */
const lingerMs = 20_000
/** How many feeds without followers are kept; beyond it the one that has been without for longest is stopped. */
const maxLingering = 1000
/** How often the ends of all topics are compared with the log's, in milliseconds: an announcement may have been lost. */
const checkEveryMs = 60_000
/** How many topics one call of the log compares. */
const checkAtOnce = 500

/** The topics that have followers on this node, or had some recently. */
export class TopicFeeds {
  /** Reads for followers what the feeds no longer cache. */
  readonly catchUp: CatchUp
  readonly #log: TopicLog
  readonly #host: ServerHost
  readonly #iteration: LoopIteration
  readonly #feeds = new Map<string, TopicFeed>()
  /** Feeds without followers, and since when, by the host's monotonic clock; the oldest is the first. */
  readonly #lingering = new Map<TopicFeed, number>()
  #checkedAt: number
  #isOver = false

  constructor(log: TopicLog, host: ServerHost, iteration: LoopIteration) {
    this.#log = log
    this.#host = host
    this.#iteration = iteration
    this.catchUp = new CatchUp(log, host)
    this.#checkedAt = host.elapsedMs()
  }

  /** Starts following a topic. */
  of(topic: string): TopicFeed {
    let feed = this.#feeds.get(topic)
    if (!feed) {
      feed = new TopicFeed(topic, { log: this.#log, host: this.#host, iteration: this.#iteration, catchUp: this.catchUp })
      this.#feeds.set(topic, feed)
    }
    this.#lingering.delete(feed)
    return feed
  }

  /** Delivers what was published to a topic so far, without waiting for more. */
  flush(topic: string): void {
    this.#feeds.get(topic)?.flush()
  }

  leave(feed: TopicFeed, follower: Follower): void {
    feed.remove(follower)
    if (feed.size > 0 || this.#isOver) return
    this.#lingering.set(feed, this.#host.elapsedMs())
    const [first] = this.#lingering.keys()
    if (first && this.#lingering.size > maxLingering) this.#stop(first)
  }

  /** Stops feeds without followers after `lingerMs`, and retries failed ones. */
  tick(): void {
    const now = this.#host.elapsedMs()
    this.catchUp.tick()
    for (const [feed, since] of this.#lingering) {
      if (now - since < lingerMs) break
      this.#stop(feed)
    }
    for (const feed of this.#feeds.values()) if (feed.hasFailed) feed.read()
    if (now - this.#checkedAt < checkEveryMs) return
    this.#checkedAt = now
    this.#check().catch((error) => this.#host.report(error))
  }

  stop(): void {
    this.#isOver = true
    for (const feed of this.#feeds.values()) feed.stop()
    this.#feeds.clear()
    this.#lingering.clear()
  }

  #stop(feed: TopicFeed): void {
    feed.stop()
    this.#lingering.delete(feed)
    this.#feeds.delete(feed.topic)
  }

  async #check(): Promise<void> {
    for (const some of partsOf([...this.#feeds.keys()], checkAtOnce)) {
      if (this.#isOver) return
      const ends = await this.#log.tails(some)
      for (const [index, topic] of some.entries()) {
        const end = ends[index]
        if (end) this.#feeds.get(topic)?.endsAt(end.epoch, end.offset)
      }
    }
  }
}
