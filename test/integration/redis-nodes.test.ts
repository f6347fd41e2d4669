import { beforeEach, describe } from 'vitest'
import { redisStore } from '../../src/redis/index.ts'
import { callsContract } from '../support/calls-contract.ts'
import { pinnedContract } from '../support/pinned-contract.ts'
import { startRedis } from '../support/redis-server.ts'
import { sessionContract } from '../support/session-contract.ts'
import { freshPrefix, type RedisPackage, redisClients, useRedis } from '../support/use-redis.ts'

describe('over one Redis', () => {
  const redis = useRedis(() => startRedis())
  let prefix = ''
  beforeEach(() => {
    prefix = freshPrefix()
  })
  const open = (name: RedisPackage) => (limits: object) =>
    redisStore({ client: redisClients[name](redis().port), prefix, ...limits })
  describe('with node-redis', () => sessionContract(2, open('node-redis'), ['websocket']))
  describe('with ioredis', () => sessionContract(2, open('ioredis'), ['long-poll']))
  describe('requests and topics', () => callsContract(open('node-redis'), ['websocket', 'long-poll']))
  describe('pinned sessions', () => pinnedContract(open('node-redis')))
})
