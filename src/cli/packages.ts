import { createRequire } from 'node:module'
import { cwd } from 'node:process'
import { pathToFileURL } from 'node:url'
import { type RedisClient, redisStore } from '../redis/index.ts'
import type { RedisStore } from '../redis/redis-store.ts'
import { UsageError } from './read-options.ts'

/** @throws UsageError if the package is not installed */
export async function needWs(): Promise<void> {
  await import('ws').catch((error) => {
    throw new UsageError('the package ws is missing; install it beside steadfast: npm install ws', { cause: error })
  })
}

/** A store over the user's package `redis`. @throws UsageError if it is not installed */
export async function openRedis(url: string, onError: (error: unknown) => void): Promise<RedisStore> {
  const { createClient } = await loadRedis()
  const client = createClient({ url })
  client.on('error', onError)
  return redisStore({ client })
}

interface RedisPackage {
  createClient(options: {
    readonly url: string
  }): RedisClient & { on(event: 'error', listener: (error: unknown) => void): unknown }
}

/** Loads it from where steadfast is installed, or else from the current directory (npx installs packages elsewhere). */
async function loadRedis(): Promise<RedisPackage> {
  try {
    const name = 'redis'
    return await import(name)
  } catch {
    try {
      const path = createRequire(`${cwd()}/`).resolve('redis')
      const loaded = await import(pathToFileURL(path).href)
      return loaded.default ?? loaded
    } catch (error) {
      throw new UsageError('--redis needs the package redis, version 5; install it beside steadfast: npm install redis', {
        cause: error,
      })
    }
  }
}
