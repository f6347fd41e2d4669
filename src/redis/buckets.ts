/**
 * The parts of a store that a script changes atomically. On a single server that is the whole store; in a cluster a bucket is the
 * keys of one hash tag, and each topic and each session belongs to one bucket.
 */
export class Buckets {
  readonly #bases: readonly string[]

  constructor(prefix: string, isCluster: boolean) {
    this.#bases = isCluster ? Array.from({ length: clusterBuckets }, (_, bucket) => `${prefix}{${bucket}}:`) : [prefix]
  }

  get count(): number {
    return this.#bases.length
  }

  get all(): readonly number[] {
    return [...this.#bases.keys()]
  }

  /** The prefix of a bucket's keys and channels. */
  base(bucket: number): string {
    return this.#bases[bucket] ?? ''
  }

  of(name: string): number {
    if (this.#bases.length === 1) return 0
    // FNV-1a.
    let hash = 0x811c9dc5
    for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
    return (hash >>> 0) % this.#bases.length
  }

  /** The bucket of a channel. */
  ofChannel(channel: string): number {
    return Math.max(
      0,
      this.#bases.findIndex((base) => channel.startsWith(base)),
    )
  }

  /** The indexes of names in a list, grouped by bucket. */
  grouped(names: readonly string[]): ReadonlyMap<number, readonly number[]> {
    const groups = new Map<number, number[]>()
    for (const [index, name] of names.entries()) {
      const bucket = this.of(name)
      const group = groups.get(bucket)
      if (group) group.push(index)
      else groups.set(bucket, [index])
    }
    return groups
  }
}

/** More would spread the load over more masters, but add a call to each count over all buckets. */
const clusterBuckets = 16
