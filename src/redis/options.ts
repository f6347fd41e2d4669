import { unknownOption } from '../util/suggest.ts'
import type { Connector } from './clients/contracts.ts'
import { ioredisConnector, isIoredis } from './clients/ioredis.ts'
import { isNodeRedis, isNodeRedisSentinel, nodeRedisConnector } from './clients/node-redis.ts'
import { overheadBytes } from './scripts/script.ts'

/**
 * A client of node-redis 5 (`createClient()`, `createCluster()`) or of ioredis 5 (`new Redis()`, `new Cluster()`). Its types are
 * not imported, so that either package may be missing.
 */
export interface RedisClient {
  // biome-ignore lint/suspicious/noExplicitAny: the packages' signatures have nothing in common
  duplicate(...args: any[]): unknown
  connect(): Promise<unknown>
}

/** The options of `redisStore()`. The limits have to be the same on all nodes. */
export interface RedisStoreOptions {
  /**
   * The client whose settings the store uses: it opens two connections with `client.duplicate()`, one for commands and one for
   * announcements, and closes them in `close()`. The client itself need not be connected, and remains the application's.
   */
  readonly client: RedisClient
  /**
   * The prefix of all keys and channels, after the `keyPrefix` of an ioredis client. Servers with the same prefix share their
   * sessions.
   * @defaultValue 'steadfast:'
   */
  readonly prefix?: string
  /** Timeout of a call, in milliseconds; the call then rejects. @defaultValue 3,000 */
  readonly timeoutMs?: number
  /**
   * The largest message that is announced with its data, in bytes; nodes with subscribers read larger ones from the log.
   * @defaultValue 4,096
   */
  readonly pushBytes?: number
  /**
   * Bytes in one stream (a topic, or the messages sent to one session), each message with 64 bytes of overhead. Beyond it the
   * oldest messages are evicted, and clients that had not read them receive a gap. A larger message is refused.
   * @defaultValue 8_388_608 (8 MiB)
   */
  readonly maxBytesPerStream?: number
  /** Messages in one stream; `Infinity` for no limit but the bytes. @defaultValue Infinity */
  readonly maxMessagesPerStream?: number
  /**
   * Number of topics; approximate in a cluster, where each bucket has a sixteenth of it. Beyond it the least recently used one is
   * evicted; a topic created again has a new epoch.
   * @defaultValue 100_000
   */
  readonly maxTopics?: number
  /**
   * How long a message stays in a topic, in milliseconds; `Infinity` for no limit but the bytes. Set it above the server's
   * `resumeWindowMs`, or clients that return within that window get gaps. Messages to one session stay as long as the session.
   * @defaultValue 600_000 (10 minutes)
   */
  readonly maxAgeMs?: number
  /**
   * Whether a restarted Redis is known to have lost nothing: `appendfsync always`, and no replica that may be promoted. Otherwise
   * a restart ends all sessions (their clients begin new ones) and is a gap in all topics. If set wrongly, messages are lost.
   * @defaultValue false
   */
  readonly trustRestarts?: boolean
}

export interface RedisSettings extends Required<Omit<RedisStoreOptions, 'client'>> {
  readonly connector: Connector
}

const defaults = {
  prefix: 'steadfast:',
  timeoutMs: 3000,
  pushBytes: 4096,
  maxBytesPerStream: 8_388_608,
  maxMessagesPerStream: Infinity,
  maxTopics: 100_000,
  maxAgeMs: 600_000,
  trustRestarts: false,
} satisfies Required<Omit<RedisStoreOptions, 'client'>>

const names = ['client', ...Object.keys(defaults)]

type Count = 'timeoutMs' | 'pushBytes' | 'maxBytesPerStream' | 'maxMessagesPerStream' | 'maxTopics' | 'maxAgeMs'

const leasts: Readonly<Record<Count, number>> = {
  timeoutMs: 1,
  pushBytes: 0,
  maxBytesPerStream: overheadBytes + 1,
  maxMessagesPerStream: 1,
  maxTopics: 1,
  maxAgeMs: 1,
}
const mosts: Readonly<Partial<Record<Count, number>>> = {
  timeoutMs: 600_000,
  pushBytes: 1_048_576,
  maxBytesPerStream: 1_073_741_824,
}
/** These may be `Infinity`, since other limits apply. */
const unbounded: readonly Count[] = ['maxAgeMs', 'maxMessagesPerStream']

/** @throws TypeError for an invalid option; the message names it */
export function settingsOf(options: RedisStoreOptions): RedisSettings {
  if (typeof options !== 'object' || options === null) fail('the argument', options, 'an object of options, such as { client }')
  const given = new Map<string, unknown>(Object.entries(options))
  for (const name of given.keys()) if (!names.includes(name)) throw new TypeError(`redisStore: ${unknownOption(name, names)}.`)
  const connector = connectorOf(given.get('client') ?? options.client)
  const count = (name: Count): number => {
    const value = given.get(name) ?? defaults[name]
    if (value === Infinity && unbounded.includes(name)) return value
    const most = mosts[name] ?? Number.MAX_SAFE_INTEGER
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= leasts[name] && value <= most) return value
    const upper = mosts[name] === undefined ? 'up' : `to ${mosts[name]}`
    return fail(name, value, `an integer from ${leasts[name]} ${upper}${unbounded.includes(name) ? ', or Infinity' : ''}`)
  }
  const prefix = given.get('prefix') ?? defaults.prefix
  for (const [name, value] of [
    ['prefix', prefix],
    ['keyPrefix of the client', connector.keyPrefix],
  ] as const)
    if (typeof value !== 'string' || /[{}]/.test(value)) fail(name, value, 'a string without braces, which are hash tags')
  const trustRestarts = given.get('trustRestarts') ?? defaults.trustRestarts
  if (typeof trustRestarts !== 'boolean') fail('trustRestarts', trustRestarts, 'true or false')
  return {
    connector,
    prefix: `${connector.keyPrefix}${prefix}`,
    trustRestarts,
    timeoutMs: count('timeoutMs'),
    pushBytes: count('pushBytes'),
    maxBytesPerStream: count('maxBytesPerStream'),
    maxMessagesPerStream: count('maxMessagesPerStream'),
    maxTopics: count('maxTopics'),
    maxAgeMs: count('maxAgeMs'),
  }
}

function connectorOf(client: unknown): Connector {
  const allowed = 'a client of node-redis 5 (createClient(), createCluster()) or of ioredis 5 (new Redis(), new Cluster())'
  if (typeof client !== 'object' || client === null) return fail('client', client, allowed)
  if (isIoredis(client)) return ioredisConnector(client)
  if (isNodeRedis(client)) return nodeRedisConnector(client)
  if (isNodeRedisSentinel(client)) fail('client', client, `${allowed}, for Sentinel one of ioredis with \`sentinels\``)
  return fail('client', client, allowed)
}

function fail(name: string, value: unknown, allowed: string): never {
  throw new TypeError(`redisStore: ${name} must be ${allowed}; it was ${shown(value)}.`)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 100)}'`
  if (value === null) return 'null'
  if (typeof value === 'function') return 'a function'
  return typeof value === 'object' ? 'an object' : String(value)
}
