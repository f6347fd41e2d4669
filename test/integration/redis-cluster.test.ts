import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { describe, expect, it } from 'vitest'
import { type RedisClient, redisStore } from '../../src/redis/index.ts'
import { sessionStoreContract, topicLogContract } from '../../src/server/testing/index.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { made, recordOf, until } from '../support/redis-sessions.ts'
import { freshPrefix, redisPackages, useRedis } from '../support/use-redis.ts'

const clusters = {
  'node-redis': (ports: readonly number[]): RedisClient =>
    createCluster({ rootNodes: ports.map((port) => ({ socket: { port, host: '127.0.0.1' } })) }),
  ioredis: (ports: readonly number[]): RedisClient =>
    new Cluster(
      ports.map((port) => ({ port, host: '127.0.0.1' })),
      { lazyConnect: true },
    ),
}

describe.each(redisPackages)('redisStore with a cluster of %s', (name) => {
  const cluster = useRedis(startRedisCluster)

  function open() {
    const prefix = freshPrefix()
    const make = () => redisStore({ client: clusters[name](cluster().ports), prefix })
    const nodes = [make(), make()] as const
    const close = async () => {
      await Promise.all(nodes.map((store) => store.close()))
    }
    return { nodes, close, prefix }
  }

  const topics = topicLogContract(async () => {
    const { nodes, close } = open()
    return { nodes: [nodes[0].topics, nodes[1].topics], close }
  })
  const sessions = sessionStoreContract(async () => {
    const { nodes, close } = open()
    return { nodes: [nodes[0].sessions, nodes[1].sessions], close }
  })
  // Cases that cannot behave differently in a cluster are skipped; redis-contract.test.ts runs them on one server.
  const isOfOneServer = /: (accepts|returns .* as it was appended|keeps bytes|refuses)|loss of the tail|bounds|, reading/
  for (const { name: title, run } of [...topics, ...sessions]) if (!isOfOneServer.test(title)) it(title, run)

  it('spreads sessions and topics over the masters, and counts sessions exactly', async () => {
    const { nodes, close, prefix } = open()
    const [one, other] = nodes
    try {
      for (let n = 0; n < 60; n += 1) {
        await made(one, `s${n}`, recordOf({ principalId: `p${n % 2}` }))
        await one.topics.append(`t${n}`, 'x')
      }
      for (const { command } of cluster().masters()) {
        const keys = (await command('KEYS', `${prefix}*`)) as string[]
        expect(keys.filter((key) => key.includes(':r:')).length).toBeGreaterThan(2)
        expect(keys.filter((key) => key.includes(':s:t')).length).toBeGreaterThan(2)
      }
      expect(await other.sessions.count('p1')).toEqual({ ofPrincipal: 30, all: 60 })
      expect(await other.topics.tails(Array.from({ length: 60 }, (_, n) => `t${n}`))).toHaveLength(60)
      const heard = new Set<string>()
      const watches = Array.from({ length: 60 }, (_, n) => other.topics.watch(`t${n}`, (news) => news && heard.add(`t${n}`)))
      await Promise.all(watches.map(({ ready }) => ready))
      await Promise.all(watches.map((_, n) => one.topics.append(`t${n}`, 'y')))
      await until(() => heard.size === 60)
    } finally {
      await close()
    }
  })
})
