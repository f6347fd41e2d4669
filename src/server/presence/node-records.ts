import type { SessionStore, Versioned } from '../store/ports.ts'
import { holderRecord } from './members.ts'

/** A node's topics are spread over this many records, so that a new topic rewrites few others. */
const buckets = 64
const prefix = 'presence on node '

/** The contents of a node's record. */
export interface NodeTopics {
  readonly node: string
  readonly topics: readonly string[]
}

interface Bucket {
  readonly topics: Set<string>
  current: Versioned | null
  writing: Promise<void> | null
  isStale: boolean
}

/**
 * Records in the store with the topics in which this node has members. They expire unless the node renews them: a node that finds
 * an expired one ends the stays of the node that wrote it.
 */
export class NodeRecords {
  readonly #node: string
  readonly #sessions: SessionStore
  readonly #leaseMs: number
  readonly #buckets = new Map<number, Bucket>()

  constructor(node: string, sessions: SessionStore, leaseMs: number) {
    this.#node = node
    this.#sessions = sessions
    this.#leaseMs = leaseMs
  }

  /** Resolves once the store knows that this node has members in the topic. */
  async add(topic: string): Promise<void> {
    const bucket = this.#bucketOf(topic)
    if (!bucket.topics.has(topic)) {
      bucket.topics.add(topic)
      bucket.isStale = true
    }
    while (bucket.isStale) {
      bucket.writing ??= this.#write(indexOf(topic), bucket).finally(() => {
        bucket.writing = null
      })
      await bucket.writing
    }
  }

  /** This node has no more members in the topic. The record may still list it for a while. */
  remove(topic: string): void {
    this.#buckets.get(indexOf(topic))?.topics.delete(topic)
  }

  /** Renews the records; resolves with whether all still existed. Missing ones are written again with the next topic. */
  async renew(): Promise<boolean> {
    const known = [...this.#buckets].filter(([, { current }]) => current !== null)
    if (known.length === 0) return true
    const ids = known.map(([index]) => this.#idOf(index))
    const states = await this.#sessions.renew(ids, this.#sessions.now() + this.#leaseMs)
    let areThere = true
    for (const [position, [, bucket]] of known.entries()) {
      if (states[position]) continue
      areThere = false
      bucket.current = null
      bucket.isStale = true
    }
    return areThere
  }

  #bucketOf(topic: string): Bucket {
    const index = indexOf(topic)
    let bucket = this.#buckets.get(index)
    if (!bucket) {
      bucket = { topics: new Set(), current: null, writing: null, isStale: false }
      this.#buckets.set(index, bucket)
    }
    return bucket
  }

  async #write(index: number, bucket: Bucket): Promise<void> {
    const id = this.#idOf(index)
    const data: NodeTopics = { node: this.#node, topics: [...bucket.topics] }
    bucket.isStale = false
    try {
      const record = holderRecord(this.#node, data)
      const version = await this.#sessions.write(id, record, bucket.current, this.#sessions.now() + this.#leaseMs)
      if (version !== null) {
        bucket.current = { record, version }
        return
      }
      // Only this node writes the record: it has expired and was removed, or an earlier write succeeded without an answer.
      bucket.current = await this.#sessions.read(id)
      bucket.isStale = true
    } catch (error) {
      bucket.isStale = true
      throw error
    }
  }

  #idOf(index: number): string {
    return `${prefix}${this.#node} ${index}`
  }
}

/** The contents of the record with this id, if it is a node's. */
export function nodeTopicsOf(id: string, { record }: Versioned): NodeTopics | null {
  // Only this file writes such records.
  return id.startsWith(prefix) ? (record.data as NodeTopics) : null
}

function indexOf(topic: string): number {
  let hash = 0
  for (let index = 0; index < topic.length; index += 1) hash = (hash * 31 + topic.charCodeAt(index)) >>> 0
  return hash % buckets
}
