export type { RedisClient, RedisStoreOptions } from './options.ts'
export { type RedisStore, redisStore } from './redis-store.ts'
