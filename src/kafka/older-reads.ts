import type { ReadLimits, Stored } from '../server/store/ports.ts'
import { bytesOf } from '../server/util/payload.ts'
import type { View } from './follower.ts'
import type { Partition } from './partition.ts'
import { type Entry, toEntry } from './record.ts'
import type { TopicsSettings } from './topics-options.ts'
import type { Deadline } from './waiting.ts'

/** The bytes of one fetch, and how many such chunks are cached for the next reader, which is often close. */
const chunkBytes = 1_048_576
const maxChunks = 8

/** A range of a partition: everything after one offset, up to another. */
interface Chunk {
  readonly epoch: string
  readonly from: number
  readonly through: number
  readonly entries: readonly Entry[]
}

/** A scan's result for a topic. */
export interface Found {
  readonly messages: readonly Stored[]
  /** Everything up to this offset was scanned. */
  readonly through: number
  /** The highest offset that was skipped since its message has expired. */
  readonly hiddenThrough: number
}

export interface Scan {
  readonly topic: string
  /** The range: messages after `after`, up to `through`. */
  readonly after: number
  readonly through: number
  /** Messages older than this time are not returned. */
  readonly notBefore: number
  readonly limits: ReadLimits
}

/** Reads messages that are no longer in memory: it fetches a partition from an offset, and filters the topic's messages. */
export class OlderReads {
  readonly #settings: TopicsSettings
  #chunks: Chunk[] = []
  readonly #fetching = new Map<string, Promise<Chunk>>()

  constructor(settings: TopicsSettings) {
    this.#settings = settings
  }

  /** Ends at the limits, at the end of the range, or after `scanBytes`. */
  async find(view: View, partition: Partition, scan: Scan, deadline: Deadline): Promise<Found> {
    const { topic, after, through, notBefore, limits } = scan
    const messages: Stored[] = []
    let [position, scanned, bytes, hiddenThrough] = [after, 0, 0, 0]
    while (position < through && scanned < this.#settings.scanBytes) {
      // Returns partial results in time, rather than none too late.
      if (scanned > 0 && deadline.leftMs < this.#settings.timeoutMs / 2) break
      const at = position
      const chunk = this.#chunkAt(partition.epoch, at) ?? (await deadline.retry(() => this.#fetch(view, partition, at)))
      for (const { offset, data, timestamp, ...entry } of chunk.entries) {
        scanned += bytesOf(data)
        if (offset <= at || offset > through || entry.topic !== topic || partition.isDuplicate(offset)) continue
        if (timestamp < notBefore) {
          hiddenThrough = offset
          continue
        }
        bytes += bytesOf(data)
        const isFull = messages.length >= limits.maxMessages || bytes > limits.maxBytes
        if (messages.length > 0 && isFull) return { messages, through: messages.at(-1)?.offset ?? at, hiddenThrough }
        messages.push({ offset, data })
      }
      scanned += 1
      position = chunk.through
    }
    return { messages, through: Math.min(position, through), hiddenThrough }
  }

  #chunkAt(epoch: string, offset: number): Chunk | undefined {
    return this.#chunks.find((chunk) => chunk.epoch === epoch && chunk.from <= offset && offset < chunk.through)
  }

  #fetch(view: View, { index, epoch }: Partition, after: number): Promise<Chunk> {
    const name = `${epoch} ${after}`
    const before = this.#fetching.get(name)
    if (before) return before
    const fetching = this.#fetchChunk(view, index, epoch, after).finally(() => this.#fetching.delete(name))
    this.#fetching.set(name, fetching)
    return fetching
  }

  async #fetchChunk(view: View, index: number, epoch: string, after: number): Promise<Chunk> {
    const { client, topic } = this.#settings
    const leader = view.leaders[index] ?? 0
    const from = [{ partition: index, offset: after }]
    const [fetched] = await client.fetch({ topic, topicId: view.id, leader, from, maxBytes: chunkBytes, maxWaitMs: 0 })
    if (!fetched || fetched.next <= after) throw new Error(`kafkaTopics: Kafka returned nothing after offset ${after}.`)
    const chunk = { epoch, from: after, through: fetched.next, entries: fetched.records.map(toEntry) }
    this.#chunks = [chunk, ...this.#chunks].slice(0, maxChunks)
    return chunk
  }
}
