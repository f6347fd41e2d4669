import { setTimeout as sleep } from 'node:timers/promises'
import { type KafkaBroker, startKafka } from '../support/kafka-broker.ts'
import { type RedisClusterServers, startRedisCluster } from '../support/redis-cluster.ts'
import { type RedisPair, startRedisPair } from '../support/redis-pair.ts'
import type { RedisServer } from '../support/redis-server.ts'
import type { StorePlace } from './node.ts'

/** A fault of a store or a node, and how often it is chosen. */
export interface Fault {
  readonly weight: number
  readonly name: string
  /** Resolves once it is over. */
  happen(random: () => number): Promise<void>
}

/** The stores of a fleet, which run in processes of their own. */
export interface FleetStore extends AsyncDisposable {
  readonly place: StorePlace
  readonly faults: readonly Fault[]
}

const withFile = ['--appendonly', 'yes', '--appendfsync', 'everysec']

/** One Redis, and another that is promoted in its place. */
export async function startRedisStore(): Promise<FleetStore> {
  const redis = await startRedisPair(withFile)
  return {
    place: { type: 'redis', port: redis.port },
    faults: faultsOfPair(redis),
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  }
}

/** A Redis Cluster of three masters with a replica each. */
export async function startClusterStore(): Promise<FleetStore> {
  const cluster = await startRedisCluster({ replicas: 3, settings: withFile })
  return {
    place: { type: 'cluster', ports: cluster.ports },
    faults: faultsOfCluster(cluster),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

/** The topics in Kafka, the sessions in Redis. */
export async function startKafkaStore(): Promise<FleetStore> {
  const [broker, redis] = await Promise.all([startKafka(), startRedisPair(withFile)])
  await broker.createTopic('news', 2)
  return {
    place: { type: 'kafka', redisPort: redis.port, broker: broker.address, topic: 'news' },
    faults: [...faultsOfBroker(broker), ...faultsOfPair(redis)],
    async [Symbol.asyncDispose]() {
      await Promise.all([broker[Symbol.asyncDispose](), redis[Symbol.asyncDispose]()])
    },
  }
}

function faultsOfPair(redis: RedisPair): Fault[] {
  return [
    killed('Redis', 2, () => redis.used()),
    { weight: 1, name: 'Redis is emptied', happen: async () => void (await redis.used().command('FLUSHALL')) },
    {
      weight: 3,
      name: 'a replica is promoted that lacks the last 1.5 s',
      async happen() {
        await redis.copy()
        await sleep(1500)
        await redis.promote()
      },
    },
    {
      weight: 2,
      name: 'the link to Redis is silent',
      async happen(random) {
        redis.forwarder.silence(true)
        await sleep(500 + random() * 4000)
        // TCP loses nothing within a stream: silent connections stay silent, and new ones pass.
        redis.forwarder.silence('of before')
      },
    },
  ]
}

function faultsOfCluster({ masters, failOver }: RedisClusterServers): Fault[] {
  const one = (random: () => number) => masters()[Math.floor(random() * 3)] as RedisServer
  return [
    killed('a master', 2, one),
    { weight: 1, name: 'a master is emptied', happen: async (random) => void (await one(random).command('FLUSHALL')) },
    {
      weight: 3,
      name: 'a replica is promoted that lacks the last 1.5 s',
      happen: (random) => failOver(Math.floor(random() * 3), 1500),
    },
    {
      weight: 2,
      name: 'a master stands still',
      async happen(random) {
        const master = one(random)
        master.signal('SIGSTOP')
        await sleep(500 + random() * 4000)
        master.signal('SIGCONT')
      },
    },
  ]
}

function faultsOfBroker(broker: KafkaBroker): Fault[] {
  return [
    {
      weight: 2,
      name: 'the broker is killed, and starts again',
      async happen() {
        await broker.kill()
        await broker.start()
      },
    },
    {
      weight: 2,
      name: 'the broker stands still',
      async happen(random) {
        await broker.freeze()
        await sleep(500 + random() * 4000)
        broker.thaw()
      },
    },
  ]
}

function killed(name: string, weight: number, which: (random: () => number) => RedisServer): Fault {
  return {
    weight,
    name: `${name} is killed, and starts with its file`,
    async happen(random) {
      const redis = which(random)
      await redis.kill()
      await sleep(500)
      await redis.start()
    },
  }
}
