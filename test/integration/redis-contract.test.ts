import { describe, it } from 'vitest'
import type { RedisStoreOptions } from '../../src/redis/index.ts'
import { sessionStoreContract, topicLogContract } from '../../src/server/testing/index.ts'
import { startRedisPair } from '../support/redis-pair.ts'
import { startRedis } from '../support/redis-server.ts'
import { freshPrefix, openNodes, type RedisPackage, redisPackages, useRedis } from '../support/use-redis.ts'

interface Setup {
  readonly name: RedisPackage
  portOf(): number
  readonly options?: Partial<RedisStoreOptions>
  /** Properties of the engine, and hooks into it, for the cases of the contract. */
  readonly told?: object
  /** Selects the cases to run, by their titles. */
  isIncluded?(name: string): boolean
}

function contracts({ name, portOf, options, told, isIncluded = () => true }: Setup): void {
  const open = () => openNodes(name, portOf(), { prefix: freshPrefix(), ...options })
  const topics = topicLogContract(async () => {
    const { nodes, close } = open()
    return { nodes: [nodes[0].topics, nodes[1].topics], close, ...told }
  })
  const sessions = sessionStoreContract(async () => {
    const { nodes, close } = open()
    return { nodes: [nodes[0].sessions, nodes[1].sessions], close, ...told }
  })
  for (const { name: title, run } of [...topics, ...sessions]) if (isIncluded(title)) it(title, run)
}

const isOfLives = (title: string) => title.includes('after a loss of the tail')

describe.each(redisPackages)('redisStore with %s', (name) => {
  const redis = useRedis(() => startRedis())
  const bounds = { maxMessages: 150, maxBytes: 400_000, maxAgeMs: 2500 }
  contracts({
    name,
    portOf: () => redis().port,
    options: { maxMessagesPerStream: 150, maxBytesPerStream: 400_000, maxAgeMs: 2500 },
    told: { bounds },
  })
})

describe.each(redisPackages)('redisStore with %s, when a replica is promoted that lacks the last writes', (name) => {
  const pair = useRedis(startRedisPair)
  const told = { checkpoint: () => pair().copy(), loseTail: () => pair().promote() }
  contracts({ name, portOf: () => pair().port, told, isIncluded: isOfLives })
})

describe.each(redisPackages)('redisStore with %s, when Redis is killed and started with its file', (name) => {
  const redis = useRedis(() => startRedis(['--appendonly', 'yes', '--appendfsync', 'everysec']))
  const loseTail = async () => {
    await redis().kill()
    await redis().start()
  }
  contracts({ name, portOf: () => redis().port, told: { loseTail }, isIncluded: isOfLives })
})
