import { Buffer } from 'node:buffer'
import { expect, it } from 'vitest'
import { murmur2, partitionOfTopic } from '../../src/kafka/murmur2.ts'

/** The values are those of Kafka's own tests. */
it.each([
  ['21', -973_932_308],
  ['foobar', -790_332_482],
  ['a-little-bit-long-string', -985_981_536],
  ['a-little-bit-longer-string', -1_486_304_829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ['abc', 479_470_107],
])('the hash and the partition of %j are those of Kafka', (text, hash) => {
  expect(murmur2(Buffer.from(text)) | 0).toBe(hash)
  expect(partitionOfTopic(text, 7)).toBe((hash & 0x7fffffff) % 7)
})
