import type { AppendOptions, Payload, Position, Reading, ReadLimits, TopicLog, TopicNews, Watch } from '../server/store/ports.ts'
import type { Buckets } from './buckets.ts'
import { bytesOf, decodeMessage, decodeTopicNews, encodeData } from './encoding.ts'
import type { Link } from './link.ts'
import { textOfLimit } from './numbers.ts'
import { overheadBytes } from './scripts/script.ts'
import type { TopicScripts } from './scripts/topic-scripts.ts'
import type { Watches } from './watches.ts'

/** The longest name of a topic, in UTF-16 code units, as in `memoryStore`. */
const maxTopicLength = 1024
/** How many topics one script looks up. */
const topicsAtOnce = 200

/** Topics in Redis. */
export class RedisTopics implements TopicLog {
  readonly #link: Link
  readonly #watches: Watches
  readonly #buckets: Buckets
  readonly #scripts: TopicScripts
  readonly #maxBytes: number

  constructor(link: Link, watches: Watches, buckets: Buckets, scripts: TopicScripts, maxBytesPerStream: number) {
    this.#link = link
    this.#watches = watches
    this.#buckets = buckets
    this.#scripts = scripts
    this.#maxBytes = maxBytesPerStream
  }

  async append(topic: string, data: Payload, { key, maxMessages, maxAgeMs }: AppendOptions = {}): Promise<number> {
    checkName(topic)
    const bytes = bytesOf(data)
    if (bytes + overheadBytes > this.#maxBytes)
      throw new RangeError(
        `The message has ${bytes} bytes; a stream holds ${this.#maxBytes - overheadBytes} (redisStore: maxBytesPerStream).`,
      )
    const script = key === undefined ? this.#scripts.append : this.#scripts.appendOnce
    // An empty key is valid.
    const [offset] = await this.#link.append(script, this.#buckets.of(topic), [
      topic,
      encodeData(data),
      key === undefined ? '' : `=${key}`,
      textOfLimit(maxMessages),
      textOfLimit(maxAgeMs),
    ])
    return Number(offset)
  }

  async readAfter(topic: string, after: number, { maxMessages, maxBytes }: ReadLimits): Promise<Reading> {
    checkName(topic)
    const args = [topic, String(after), textOfLimit(maxMessages), textOfLimit(maxBytes)]
    const [epoch, lost, tail, first, elements] = await this.#link.run(this.#scripts.readAfter, this.#buckets.of(topic), args)
    return {
      epoch: String(epoch),
      messages: (elements as Buffer[]).map((element, index) => ({ offset: Number(first) + index, data: decodeMessage(element) })),
      lostThrough: Number(lost),
      tail: Number(tail),
    }
  }

  async tails(topics: readonly string[], last?: number): Promise<readonly Position[]> {
    for (const topic of topics) checkName(topic)
    const positions: Position[] = []
    const look = async (bucket: number, places: readonly number[]): Promise<void> => {
      const args = [last === undefined ? '-1' : textOfLimit(last), ...places.map((place) => topics[place] ?? '')]
      const reply = await this.#link.run(this.#scripts.tails, bucket, args)
      for (const [index, place] of places.entries())
        positions[place] = { epoch: String(reply[2 * index]), offset: Number(reply[2 * index + 1]) }
    }
    const looks: Promise<void>[] = []
    for (const [bucket, places] of this.#buckets.grouped(topics)) {
      for (let at = 0; at < places.length; at += topicsAtOnce) looks.push(look(bucket, places.slice(at, at + topicsAtOnce)))
    }
    await Promise.all(looks)
    return positions
  }

  watch(topic: string, listener: (news: TopicNews | null) => void): Watch {
    const channel = `${this.#buckets.base(this.#buckets.of(topic))}n:t:${topic}`
    return this.#watches.watch(channel, (message) => listener(message && decodeTopicNews(message)))
  }
}

function checkName(topic: string): void {
  if (topic.length <= maxTopicLength) return
  throw new RangeError(`The name of a topic has ${topic.length} characters; it may have ${maxTopicLength}.`)
}
