import type { ServerHost } from '../node/host.ts'
import type { Reading, ReadLimits, TopicLog } from '../store/ports.ts'

/**
 * How much of a stream is read at once: as much as fits into one frame, with what JSON adds to most texts. If the carrier then
 * accepts nothing, only that much was read in vain.
 */
export const readLimits: ReadLimits = { maxMessages: 1000, maxBytes: 53_248 }

/** How long a page is kept after its last read, in milliseconds. */
const keepMs = 10_000
/** The largest size of all pages of a node, in characters of text or bytes. */
const maxLength = 16_777_216

interface Page {
  readonly after: number
  readonly pending: Promise<Reading>
  reading: Reading | null
  length: number
  usedAt: number
}

/**
 * Reads topics from the log for returning clients. Those that were disconnected together have missed the same messages, so a page
 * of the log is read once for all of them and cached for a while.
 */
export class CatchUp {
  readonly #log: TopicLog
  readonly #host: ServerHost
  readonly #topics = new Map<string, Page[]>()
  #length = 0

  constructor(log: TopicLog, host: ServerHost) {
    this.#log = log
    this.#host = host
  }

  /** The messages after an offset, as `TopicLog.readAfter()` returns them. */
  read(topic: string, after: number): Promise<Reading> {
    const pages = this.#topics.get(topic)
    const known = pages?.find((page) => holds(page, after))
    if (known) {
      known.usedAt = this.#host.elapsedMs()
      return known.pending.then((reading) => from(reading, after))
    }
    const page: Page = {
      after,
      pending: this.#log.readAfter(topic, after, readLimits),
      reading: null,
      length: 0,
      usedAt: this.#host.elapsedMs(),
    }
    if (pages) pages.push(page)
    else this.#topics.set(topic, [page])
    return page.pending.then(
      (reading) => {
        this.#settled(topic, page, reading)
        return reading
      },
      (error: unknown) => {
        this.#drop(topic, page)
        throw error
      },
    )
  }

  /** The messages after an offset as the log has them now, for a client that knows another epoch than the cached pages. */
  async readAnew(topic: string, after: number): Promise<Reading> {
    const reading = await this.#log.readAfter(topic, after, readLimits)
    // The topic may have begun anew without an announcement: it was evicted, and a client at another node has subscribed to it.
    if (this.#topics.get(topic)?.some((page) => page.reading?.epoch !== reading.epoch)) this.forget(topic)
    return reading
  }

  /** The topic has another epoch, or may have: drops what was read of it. */
  forget(topic: string): void {
    for (const page of this.#topics.get(topic) ?? []) this.#length -= page.length
    this.#topics.delete(topic)
  }

  /** Drops pages that were not used for `keepMs`. */
  tick(): void {
    const now = this.#host.elapsedMs()
    for (const [topic, pages] of this.#topics)
      for (const page of [...pages]) if (page.reading && now - page.usedAt > keepMs) this.#drop(topic, page)
  }

  #settled(topic: string, page: Page, reading: Reading): void {
    if (!this.#topics.get(topic)?.includes(page)) return
    page.length = reading.messages.reduce((sum, { data }) => sum + data.length + 64, 0)
    this.#length += page.length
    // A later reader at the end of the log must see messages that were appended since.
    if (reading.messages.length === 0 || this.#length > maxLength) this.#drop(topic, page)
    else page.reading = reading
  }

  #drop(topic: string, page: Page): void {
    const pages = this.#topics.get(topic)
    const index = pages?.indexOf(page) ?? -1
    if (!pages || index < 0) return
    pages.splice(index, 1)
    this.#length -= page.length
    if (pages.length === 0) this.#topics.delete(topic)
  }
}

/** Whether a page, read or still being read, contains the message that follows the offset. */
function holds({ after: start, reading }: Page, after: number): boolean {
  if (!reading) return start === after
  return start <= after && after < (reading.messages.at(-1)?.offset ?? 0)
}

function from(reading: Reading, after: number): Reading {
  const first = reading.messages.findIndex(({ offset }) => offset > after)
  return first === 0 ? reading : { ...reading, messages: first < 0 ? [] : reading.messages.slice(first) }
}
