import { BoundedStreams, type Bounds, type Budget, type Half } from './bounded-streams.ts'
import { LazyHeap, type Ranked } from './heap.ts'
import { MemoryStream } from './stream.ts'

/** The principal of all clients of a server without `authenticate`, which does not distinguish them. */
const anonymous = 'anonymous'

/** The messages of one principal; the more bytes they take, the lower the rank. */
class Share implements Ranked {
  readonly key: string
  readonly streams: BoundedStreams
  openStreams = 0
  queuedRank = 0
  place = 0

  constructor(key: string, bounds: Bounds, pushed: (share: Share) => void) {
    this.key = key
    this.streams = new BoundedStreams(bounds, () => pushed(this))
  }

  get rank(): number {
    return -this.streams.cost
  }
}

/** The messages sent to one session alone. */
export class PrivateStream<Item> extends MemoryStream<Item> {
  readonly share: Share

  constructor(share: Share) {
    super()
    this.share = share
  }
}

/**
 * All private streams. When there is no room, the oldest message of the principal that holds most is evicted, so that no client
 * evicts what others have yet to read. Each anonymous session counts by itself.
 */
export class Shares implements Half {
  readonly #bounds: Bounds
  readonly #budget: Budget
  readonly #byKey = new Map<string, Share>()
  readonly #heap = new LazyHeap<Share>()
  cost = 0

  constructor(bounds: Omit<Bounds, 'maxAgeMs'>, budget: Budget) {
    this.#bounds = { ...bounds, maxAgeMs: Infinity }
    this.#budget = budget
    budget.join(this)
  }

  open<Item>(principalId: string, sessionId: string): PrivateStream<Item> {
    const key = principalId === anonymous ? `session ${sessionId}` : `principal ${principalId}`
    let share = this.#byKey.get(key)
    if (!share) {
      share = new Share(key, this.#bounds, (grown) => this.#heap.lowered(grown))
      this.#byKey.set(key, share)
      this.#heap.add(share)
    }
    share.openStreams += 1
    return new PrivateStream<Item>(share)
  }

  /** Discards all messages of a stream that is no longer used. */
  close(stream: PrivateStream<unknown>): void {
    const { share } = stream
    this.trim(stream, stream.tail)
    share.openStreams -= 1
    if (share.openStreams > 0) return
    this.#heap.remove(share)
    this.#byKey.delete(share.key)
  }

  /**
   * Appends a message, and evicts others to make room for it; returns the offset.
   * @throws RangeError if the message alone exceeds the limit of a stream; then nothing has changed.
   */
  push<Item>(stream: PrivateStream<Item>, item: Item, bytes: number): number {
    const { streams } = stream.share
    const before = streams.cost
    const offset = streams.push(stream, item, bytes, 0)
    this.cost += streams.cost - before
    this.#budget.fit()
    return offset
  }

  /** Discards the messages of a stream up to an offset. */
  trim(stream: PrivateStream<unknown>, through: number): void {
    const { streams } = stream.share
    const before = streams.cost
    streams.trim(stream, through)
    this.cost += streams.cost - before
  }

  forgetOldest(): void {
    const streams = this.#heap.first(Infinity)?.streams
    if (!streams) return
    const before = streams.cost
    streams.forgetOldest()
    this.cost += streams.cost - before
  }
}
