import type { ReadLimits, Stored } from '../server/store/ports.ts'
import { bytesOf } from '../server/util/payload.ts'
import type { View } from './follower.ts'
import type { Partition } from './partition.ts'
import { type Entry, toEntry } from './record.ts'
import type { TopicsSettings } from './topics-options.ts'
import type { Deadline } from './waiting.ts'

/** How much is fetched at once, and how many of these are kept for the next reader, who is often near. */
const chunkBytes = 1_048_576
const maxChunks = 8

/** A part of a partition: everything after one offset, up to another. */
interface Chunk {
  readonly epoch: string
  readonly from: number
  readonly through: number
  readonly entries: readonly Entry[]
}

/** What a scan found of a topic. */
export interface Found {
  readonly messages: readonly Stored[]
  /** Everything up to this offset was looked at. */
  readonly through: number
  /** The highest offset that was passed over, since the message is too old. */
  readonly hiddenThrough: number
}

export interface Scan {
  readonly topic: string
  /** Messages after the one offset and up to the other. */
  readonly after: number
  readonly through: number
  /** Messages from before this time are not given out. */
  readonly notBefore: number
  readonly limits: ReadLimits
}

/** Reads what is in memory no more: a partition is read from an offset on, and the topic's messages are picked out. */
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
      // What was found is returned in time, rather than nothing too late.
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
