/**
 * The parts of a store that scripts change as a whole. On one server that is all of it; in a cluster a bucket is what one hash tag holds, and
 * each topic and each session belongs to one.
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

  /** What the keys and channels of a bucket begin with. */
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

  /** The bucket whose channel it is. */
  ofChannel(channel: string): number {
    return Math.max(
      0,
      this.#bases.findIndex((base) => channel.startsWith(base)),
    )
  }

  /** The places of names in a list, by the bucket of each. */
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

/** More would spread the load over more masters, and cost a call more for each of what is counted over all of them. */
const clusterBuckets = 16
