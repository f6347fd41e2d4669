import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { type RedisClient, type RedisStore, type RedisStoreOptions, redisStore } from '../../src/redis/index.ts'
import { isEquippedWith, want } from './equipment.ts'

interface RedisUser {
  readonly username?: string
  readonly password?: string
}

/** A client for each of the two packages. */
export const redisClients = {
  'node-redis': (port: number, user: RedisUser = {}): RedisClient =>
    createClient({ socket: { port, host: '127.0.0.1' }, ...user }),
  ioredis: (port: number, user: RedisUser = {}): RedisClient =>
    new Redis({ port, host: '127.0.0.1', lazyConnect: true, ...user }),
}
export type RedisPackage = keyof typeof redisClients
export const redisPackages = Object.keys(redisClients) as readonly RedisPackage[]

/** A server of a `describe`, started once for all its tests, which are skipped if Redis is not installed. */
export function useRedis<Started extends AsyncDisposable>(start: () => Promise<Started>): () => Started {
  let started: Started | undefined
  beforeAll(async () => {
    if (await isEquippedWith('redis-server')) started = await start()
  }, 60_000)
  beforeEach((context) => want(context, 'redis-server'))
  afterAll(() => started?.[Symbol.asyncDispose]())
  return () => {
    if (!started) throw new Error('There is no redis-server.')
    return started
  }
}

/** Opens stores, each node with connections of its own, which are closed after the test. */
export function useStores(portOf: () => number): (name: RedisPackage, more?: Partial<RedisStoreOptions>) => RedisStore {
  const opened: RedisStore[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()))
  })
  return (name, more) => {
    const store = redisStore({ client: redisClients[name](portOf()), ...more })
    opened.push(store)
    return store
  }
}

/** One store as seen by two nodes, each with its own connections. */
export function openNodes(name: RedisPackage, port: number, options: Omit<RedisStoreOptions, 'client'>) {
  const open = () => redisStore({ client: redisClients[name](port), ...options })
  const nodes = [open(), open()] as const
  return {
    nodes,
    async close() {
      await Promise.all(nodes.map((store) => store.close()))
    },
  }
}

/** A key prefix that no other test uses. */
export function freshPrefix(): string {
  return `${randomBytes(6).toString('hex')}:`
}
