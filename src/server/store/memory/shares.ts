import type { SessionRecord } from '../ports.ts'
import { BoundedStreams, type Bounds, type Budget, type Half } from './bounded-streams.ts'
import { LazyHeap, type Ranked } from './heap.ts'
import { MemoryStream } from './stream.ts'

/** The principal of all clients of a server without `authenticate`, which does not distinguish them. */
const anonymous = 'anonymous'

/** The messages of one principal, or of one anonymous session; the more bytes they take, the lower the rank. */
class Share implements Ranked {
  readonly key: string
  readonly holder: Holder
  readonly streams: BoundedStreams
  openStreams = 0
  queuedRank = 0
  place = 0

  constructor(key: string, holder: Holder, bounds: Bounds) {
    this.key = key
    this.holder = holder
    this.streams = new BoundedStreams(bounds)
  }

  get rank(): number {
    return -this.streams.cost
  }
}

/** A principal with its one share, or an address with those of its anonymous sessions. */
class Holder implements Ranked {
  readonly key: string
  readonly shares = new LazyHeap<Share>()
  cost = 0
  queuedRank = 0
  place = 0

  constructor(key: string) {
    this.key = key
  }

  get rank(): number {
    return -this.cost
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
 * evicts what others have yet to read. Of anonymous sessions it is that of the address that holds most, and among its sessions, of
 * the one that holds most.
 */
export class Shares implements Half {
  readonly #bounds: Bounds
  readonly #budget: Budget
  readonly #byKey = new Map<string, Share>()
  readonly #holdersByKey = new Map<string, Holder>()
  readonly #heap = new LazyHeap<Holder>()
  cost = 0

  constructor(bounds: Omit<Bounds, 'maxAgeMs'>, budget: Budget) {
    this.#bounds = { ...bounds, maxAgeMs: Infinity }
    this.#budget = budget
    budget.join(this)
  }

  open<Item>(sessionId: string, { principalId, address }: SessionRecord): PrivateStream<Item> {
    const ofPrincipal = `principal ${principalId}`
    const isAnonymous = address !== undefined || principalId === anonymous
    const share = isAnonymous ? this.#share(`session ${sessionId}`, `address ${address}`) : this.#share(ofPrincipal, ofPrincipal)
    share.openStreams += 1
    return new PrivateStream<Item>(share)
  }

  /** Discards all messages of a stream that is no longer used. */
  close(stream: PrivateStream<unknown>): void {
    const { share } = stream
    const { holder } = share
    this.trim(stream, stream.tail)
    share.openStreams -= 1
    if (share.openStreams > 0) return
    holder.shares.remove(share)
    this.#byKey.delete(share.key)
    if (!holder.shares.isEmpty) return
    this.#heap.remove(holder)
    this.#holdersByKey.delete(holder.key)
  }

  /**
   * Appends a message, and evicts others to make room for it; returns the offset.
   * @throws RangeError if the message alone exceeds the limit of a stream; then nothing has changed.
   */
  push<Item>(stream: PrivateStream<Item>, item: Item, bytes: number): number {
    const { share } = stream
    const before = share.streams.cost
    const offset = share.streams.push(stream, item, bytes, 0)
    this.#count(share, before)
    share.holder.shares.lowered(share)
    this.#heap.lowered(share.holder)
    this.#budget.fit()
    return offset
  }

  /** Discards the messages of a stream up to an offset. */
  trim(stream: PrivateStream<unknown>, through: number): void {
    const { share } = stream
    const before = share.streams.cost
    share.streams.trim(stream, through)
    this.#count(share, before)
  }

  forgetOldest(): void {
    const share = this.#heap.first(Infinity)?.shares.first(Infinity)
    if (!share) return
    const before = share.streams.cost
    share.streams.forgetOldest()
    this.#count(share, before)
  }

  #share(key: string, holderKey: string): Share {
    let share = this.#byKey.get(key)
    if (share) return share
    let holder = this.#holdersByKey.get(holderKey)
    if (!holder) {
      holder = new Holder(holderKey)
      this.#holdersByKey.set(holderKey, holder)
      this.#heap.add(holder)
    }
    share = new Share(key, holder, this.#bounds)
    this.#byKey.set(key, share)
    holder.shares.add(share)
    return share
  }

  /** Counts what the messages of a share cost after a change; `before`: what they did. */
  #count({ streams, holder }: Share, before: number): void {
    const more = streams.cost - before
    this.cost += more
    holder.cost += more
  }
}
