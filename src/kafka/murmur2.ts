/**
 * The hash by which Kafka's own producers choose the partition of a key, so that another application's records with the same key
 * are in the same partition.
 */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const factor = 0x5bd1e995
  let hash = 0x9747b28c ^ bytes.length
  const whole = bytes.length & ~3
  for (let at = 0; at < whole; at += 4) {
    let part = Math.imul(view.getInt32(at, true), factor)
    part = Math.imul(part ^ (part >>> 24), factor)
    hash = Math.imul(hash, factor) ^ part
  }
  const rest = bytes.length - whole
  for (let at = rest - 1; at >= 0; at -= 1) hash ^= (bytes[whole + at] ?? 0) << (8 * at)
  if (rest > 0) hash = Math.imul(hash, factor)
  hash = Math.imul(hash ^ (hash >>> 13), factor)
  return (hash ^ (hash >>> 15)) >>> 0
}

const encoder = new TextEncoder()

/**
 * Returns the partition of an application's topic, as Kafka's own producers and `kafkaTopics()` choose it by the key: for a
 * producer of another library, some of which choose differently.
 */
export function partitionOfTopic(topic: string, partitions: number): number {
  return (murmur2(encoder.encode(topic)) & 0x7fffffff) % partitions
}
