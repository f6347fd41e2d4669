import type {
  PrivateAppend,
  PrivateEntry,
  Reading,
  ReadLimits,
  SessionNews,
  SessionRecord,
  SessionState,
  SessionStore,
  Versioned,
  Watch,
} from '../server/store/ports.ts'
import type { Buckets } from './buckets.ts'
import type { StoreClock } from './clock.ts'
import { decodeEntryAt, decodeRecord, decodeSessionNews, encodeCold, encodeEntry, encodeHot } from './encoding.ts'
import type { Link } from './link.ts'
import { textOfLimit } from './numbers.ts'
import { overheadBytes } from './scripts/script.ts'
import type { SessionScripts } from './scripts/session-scripts.ts'
import type { Watches } from './watches.ts'

/** How many sessions one script renews: it blocks all other calls meanwhile. */
const renewalsAtOnce = 500

/** Sessions in Redis. */
export class RedisSessions implements SessionStore {
  readonly #link: Link
  readonly #watches: Watches
  readonly #buckets: Buckets
  readonly #scripts: SessionScripts
  readonly #clock: StoreClock
  readonly #maxBytes: number

  constructor(
    link: Link,
    watches: Watches,
    buckets: Buckets,
    scripts: SessionScripts,
    { clock, maxBytesPerStream }: { readonly clock: StoreClock; readonly maxBytesPerStream: number },
  ) {
    this.#link = link
    this.#watches = watches
    this.#buckets = buckets
    this.#scripts = scripts
    this.#clock = clock
    this.#maxBytes = maxBytesPerStream
  }

  get id(): string | null {
    return this.#link.id
  }

  now(): number {
    return this.#clock.now()
  }

  async read(id: string): Promise<Versioned | null> {
    const [version, ...parts] = await this.#run('read', id, [])
    return version === undefined ? null : { record: decodeRecord(parts as Buffer[]), version: Number(version) }
  }

  async write(id: string, record: SessionRecord, before: Versioned | null, expiresAt: number): Promise<number | null> {
    const old = before?.record
    const isCold =
      !old || old.principal !== record.principal || old.data !== record.data || old.subscriptions !== record.subscriptions
    const args = [
      ...[String(before?.version ?? 0), String(Math.floor(expiresAt)), record.ended ? '1' : '0'],
      ...[record.principalId, record.epoch, encodeHot(record), isCold ? encodeCold(record) : ''],
    ]
    const [version] = await this.#run('write', id, args)
    return Number(version) || null
  }

  async renew(ids: readonly string[], expiresAt: number): Promise<readonly (SessionState | null)[]> {
    const states: (SessionState | null)[] = ids.map(() => null)
    const renewPart = async (bucket: number, places: readonly number[]): Promise<void> => {
      const args = [String(Math.floor(expiresAt)), ...places.map((place) => ids[place] ?? '')]
      const reply = await this.#link.run(this.#scripts.renew, bucket, args)
      for (const [index, place] of places.entries()) {
        const [version, tail] = String(reply[index]).split(' ')
        if (version && tail) states[place] = { version: Number(version), tail: Number(tail) }
      }
    }
    const renewals: Promise<void>[] = []
    for (const [bucket, places] of this.#buckets.grouped(ids)) {
      for (let at = 0; at < places.length; at += renewalsAtOnce)
        renewals.push(renewPart(bucket, places.slice(at, at + renewalsAtOnce)))
    }
    await Promise.all(renewals)
    return states
  }

  async remove(id: string, ifVersion: number): Promise<boolean> {
    const [isRemoved] = await this.#run('remove', id, [String(ifVersion)])
    return Number(isRemoved) === 1
  }

  async append(id: string, epoch: string, entry: PrivateAppend): Promise<number | null> {
    const { encoded, bytes } = encodeEntry(entry)
    if (bytes + overheadBytes > this.#maxBytes)
      throw new RangeError(
        `The message has ${bytes} bytes; a stream holds ${this.#maxBytes - overheadBytes} (redisStore: maxBytesPerStream).`,
      )
    const [offset] = await this.#link.append(this.#scripts.append, this.#buckets.of(id), [id, epoch, encoded])
    return Number(offset) || null
  }

  async readAfter(id: string, after: number, { maxMessages, maxBytes }: ReadLimits): Promise<Reading<PrivateEntry> | null> {
    const args = [String(after), textOfLimit(maxMessages), textOfLimit(maxBytes)]
    const [epoch, lost, tail, first, elements] = await this.#run('readAfter', id, args)
    if (epoch === undefined) return null
    return {
      epoch: String(epoch),
      messages: (elements as Buffer[]).map((element, index) => decodeEntryAt(Number(first) + index, element)),
      lostThrough: Number(lost),
      tail: Number(tail),
    }
  }

  async trim(id: string, through: number): Promise<void> {
    await this.#run('trim', id, [textOfLimit(through)])
  }

  async count(principalId: string): Promise<{ readonly ofPrincipal: number; readonly all: number }> {
    const counts = await this.#ofAll('count', [principalId])
    const sum = (index: number) => counts.reduce((total, count) => total + Number(count[index]), 0)
    return { ofPrincipal: sum(0), all: sum(1) }
  }

  async sessionsOf(principalId: string): Promise<readonly string[]> {
    const lists = await this.#ofAll('sessionsOf', [principalId])
    return lists.flatMap(([ids]) => (ids as Buffer[]).map(String))
  }

  async expired(now: number, limit: number): Promise<readonly string[]> {
    const lists = await this.#ofAll('expired', [String(Math.floor(now)), textOfLimit(limit)])
    const found: { readonly id: string; readonly at: number }[] = []
    for (const [, flat] of lists) {
      const items = flat as Buffer[]
      for (let at = 0; at < items.length; at += 2) found.push({ id: String(items[at]), at: Number(items[at + 1]) })
    }
    // The ids of one bucket are in order already.
    if (lists.length > 1) found.sort((one, other) => one.at - other.at)
    return found.slice(0, limit).map(({ id }) => id)
  }

  watch(id: string, listener: (news: SessionNews) => void): Watch {
    const channel = `${this.#buckets.base(this.#buckets.of(id))}n:s:${id}`
    return this.#watches.watch(channel, (message) => listener(message && decodeSessionNews(message)))
  }

  #run(name: keyof SessionScripts, id: string, args: readonly (string | Buffer)[]): Promise<readonly unknown[]> {
    return this.#link.run(this.#scripts[name], this.#buckets.of(id), [id, ...args])
  }

  #ofAll(name: keyof SessionScripts, args: readonly string[]): Promise<readonly (readonly unknown[])[]> {
    return Promise.all(this.#buckets.all.map((bucket) => this.#link.run(this.#scripts[name], bucket, args)))
  }
}
