import { defaultForwardHeaders } from '../gateway/headers.ts'
import type { GatewayOptions } from '../gateway/index.ts'
import { readTarget } from '../gateway/target.ts'
import type { TrustProxyOption } from '../server/adapters/client-address.ts'
import { addressOf, type GivenOptions, limitsOf, UsageError } from './read-options.ts'

/** The checked options of the command. */
export interface CommandSettings {
  readonly listen: { readonly host: string | undefined; readonly port: number }
  readonly admin: { readonly host: string | undefined; readonly port: number } | null
  readonly redisUrl: string | null
  readonly log: 'json' | 'text'
  readonly drainMs: number
  readonly gateway: GatewayOptions
}

/** The longest delay of Node's timers, in milliseconds. */
const maxTimeMs = 2 ** 31 - 1

/** Completes and checks the options, except for what the gateway and its server check themselves. @throws UsageError */
export function settingsOf(given: GivenOptions): CommandSettings {
  const text = (key: string) => given.get(key) as string | undefined
  const target = text('target')
  if (target === undefined) throw new UsageError('--target is missing: the URL of the backend, as ws://127.0.0.1:9000')
  const fault = readTarget(target)
  if (typeof fault === 'string') throw new UsageError(`--target must be a URL as ws://127.0.0.1:9000/path: ${fault}`)
  const log = text('log') ?? 'text'
  if (log !== 'json' && log !== 'text') throw new UsageError(`--log must be json or text; it was '${log}'`)
  const redisUrl = text('redis') ?? null
  if (redisUrl !== null && !/^rediss?:\/\//.test(redisUrl))
    throw new UsageError('--redis needs a URL that begins with redis:// or rediss://, as redis://127.0.0.1:6379')
  const drainMs = (given.get('drainMs') as number | undefined) ?? 5000
  if (!(drainMs >= 0 && drainMs <= maxTimeMs)) throw new UsageError(`--drain-ms must be a number from 0 to ${maxTimeMs}`)
  const admin = given.get('admin')
  const allowHeaders = (given.get('allowHeaders') as string[] | undefined) ?? []
  const passed = [
    'path',
    'origins',
    'publicOrigins',
    'connectTimeoutMs',
    'pingMs',
    'maxUnreadBytes',
    'heartbeatMs',
    'resumeWindowMs',
  ]
  return {
    listen: addressOf(given.get('listen') ?? 8080, '--listen'),
    admin: admin === undefined ? null : addressOf(admin, '--admin', '127.0.0.1'),
    redisUrl,
    log,
    drainMs,
    gateway: {
      target,
      forwardHeaders: [...defaultForwardHeaders, ...allowHeaders],
      forwardQuery: given.get('noQuery') !== true,
      limits: limitsOf(given.get('limits')),
      ...(given.has('trustProxy') ? { trustProxy: trustOf(given.get('trustProxy')) } : {}),
      ...Object.fromEntries(passed.filter((key) => given.has(key)).map((key) => [key, given.get(key)])),
    },
  }
}

function trustOf(given: unknown): TrustProxyOption {
  if (given === 'true' || given === true) return true
  if (given === 'false' || given === false) return false
  const text = String(given)
  return /^\d+$/.test(text) ? Number(text) : text
}

/** Translates a TypeError of the gateway or its server about an option into the words of the command line. */
export function usageOf(error: TypeError): UsageError {
  const text = error.message.replace(/^(gateway|RealtimeServer): /, '').replace(/\.$/, '')
  return new UsageError(text.replace(/^forwardHeaders cannot/, '--allow-header: the backend cannot'), { cause: error })
}
