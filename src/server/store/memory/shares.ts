import { BoundedStreams, type Bounds, type Budget, type Half } from './bounded-streams.ts'
import { LazyHeap, type Ranked } from './heap.ts'
import { MemoryStream } from './stream.ts'

/** Whoever is not told apart: what `authenticate` returns where there is none. */
const anonymous = 'anonymous'

/** What is kept for one principal; the more, the lower its rank. */
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

/** What was sent to one session alone. */
export class PrivateStream<Item> extends MemoryStream<Item> {
  readonly share: Share

  constructor(share: Share) {
    super()
    this.share = share
  }
}

/**
 * What the private streams hold. Where there is no room any more, what gives way is the oldest message of the principal for whom
 * most is kept, so that nobody pushes out what others have still to read. Sessions that are of nobody stand for themselves.
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

  /** Forgets all of a stream, which is not used any more. */
  close(stream: PrivateStream<unknown>): void {
    const { share } = stream
    this.trim(stream, stream.tail)
    share.openStreams -= 1
    if (share.openStreams > 0) return
    this.#heap.remove(share)
    this.#byKey.delete(share.key)
  }

  /**
   * Appends, and forgets what has to go for it; returns the offset.
   * @throws RangeError when the message alone is larger than a stream may be; then nothing has changed.
   */
  push<Item>(stream: PrivateStream<Item>, item: Item, bytes: number): number {
    const { streams } = stream.share
    const before = streams.cost
    const offset = streams.push(stream, item, bytes, 0)
    this.cost += streams.cost - before
    this.#budget.fit()
    return offset
  }

  /** Forgets everything of a stream up to an offset. */
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
