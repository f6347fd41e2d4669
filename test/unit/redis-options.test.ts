import { Redis } from 'ioredis'
import { createClient, createSentinel } from 'redis'
import { describe, expect, it } from 'vitest'
import { isIoredis } from '../../src/redis/clients/ioredis.ts'
import { isNodeRedis } from '../../src/redis/clients/node-redis.ts'
import { type RedisStoreOptions, redisStore } from '../../src/redis/index.ts'

const client = createClient()

describe('redisStore()', () => {
  it.each<[string, unknown, string]>([
    ['no options', undefined, 'redisStore: the argument must be an object of options, such as { client }; it was undefined.'],
    ['no client', {}, 'redisStore: client must be a client of node-redis 5 (createClient(), createCluster()) or of ioredis 5'],
    ['a URL as the client', { client: 'redis://localhost' }, "it was 'redis://localhost'."],
    ['something else as the client', { client: { duplicate() {} } }, 'it was an object.'],
    [
      'a Sentinel client of node-redis',
      { client: createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] }) },
      'for Sentinel one of ioredis with `sentinels`; it was an object.',
    ],
    ['an unknown option', { client, maxTopic: 1 }, "redisStore: unknown option 'maxTopic'; did you mean 'maxTopics'?"],
    ['a limit of 0', { client, maxTopics: 0 }, 'redisStore: maxTopics must be an integer from 1 up; it was 0.'],
    [
      'a limit as text',
      { client, maxAgeMs: '10' },
      "redisStore: maxAgeMs must be an integer from 1 up, or Infinity; it was '10'.",
    ],
    [
      'an endless timeout',
      { client, timeoutMs: Infinity },
      'redisStore: timeoutMs must be an integer from 1 to 600000; it was Infinity.',
    ],
    [
      'a stream too small for a message',
      { client, maxBytesPerStream: 64 },
      'redisStore: maxBytesPerStream must be an integer from 65 to 1073741824',
    ],
    ['a negative push', { client, pushBytes: -1 }, 'redisStore: pushBytes must be an integer from 0 to 1048576; it was -1.'],
    [
      'a prefix with a hash tag',
      { client, prefix: '{app}' },
      "redisStore: prefix must be a string without braces, which are hash tags; it was '{app}'.",
    ],
    [
      'a client with a hash tag before each key',
      { client: new Redis({ lazyConnect: true, keyPrefix: '{app}:' }) },
      "redisStore: keyPrefix of the client must be a string without braces, which are hash tags; it was '{app}:'.",
    ],
    ['trust as text', { client, trustRestarts: 'yes' }, "redisStore: trustRestarts must be true or false; it was 'yes'."],
  ])('throws a TypeError that names the valid values for %s', (_, options, message) => {
    const attempt = () => redisStore(options as RedisStoreOptions)
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(message)
  })

  it('distinguishes the clients of the two packages', () => {
    const other = new Redis({ lazyConnect: true })
    expect([isNodeRedis(client), isIoredis(client), isNodeRedis(other), isIoredis(other)]).toEqual([true, false, false, true])
  })
})
