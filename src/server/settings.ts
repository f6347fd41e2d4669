import { quoted } from '../util/quoted.ts'
import { unknownOption } from '../util/suggest.ts'
import { clientAddress, readTrustProxy, type TrustedProxy, trustProxyValues } from './adapters/client-address.ts'
import { type OriginRule, readOriginRule } from './adapters/origin-patterns.ts'
import { defaultLimits, type Limits } from './limits.ts'
import type { ServerHost } from './node/host.ts'
import { type NodeSettings, tickOf } from './node/node-context.ts'
import { nodeHost } from './node/process-host.ts'
import { optionKinds } from './option-kinds.ts'
import type { RealtimeServerOptions } from './options.ts'
import type { PresenceInfo } from './presence/presence.ts'
import { memoryStore } from './store/memory/memory-store.ts'
import { MemorySessions } from './store/memory/sessions.ts'
import { MemoryTopics } from './store/memory/topics.ts'
import type { SessionStore, TopicLog } from './store/ports.ts'
import { topicKeepOf } from './topic-keep.ts'
import { type CountRule, faultOfCount, faultOfTime } from './util/option-checks.ts'
import { kindOf } from './util/payload.ts'

/** The options, checked and complete. */
export interface Settings {
  readonly host: ServerHost
  readonly node: NodeSettings
  readonly path: string
  readonly topics: TopicLog
  readonly sessions: SessionStore
  /** `'all'` if this server is the only one: then an event that it did not see did not happen. */
  readonly scope: 'node' | 'all'
  readonly origins: readonly OriginRule[]
  readonly publicOrigins: readonly string[]
  readonly isTrustedProxy: TrustedProxy
  /** Whether neither `trustProxy` nor `addressOf` is set: then forwarding headers cause a warning. */
  readonly isProxyUnset: boolean
  readonly authenticate: NonNullable<RealtimeServerOptions['authenticate']>
  readonly addressOf: NonNullable<RealtimeServerOptions['addressOf']>
  readonly selectProtocol: NonNullable<RealtimeServerOptions['selectProtocol']>
  readonly acceptSession: RealtimeServerOptions['acceptSession']
}

const anonymous = Object.freeze({ id: 'anonymous' })

const topicMethods = ['append', 'readAfter', 'tails', 'watch']
const sessionMethods = [
  ...['now', 'read', 'write', 'renew', 'remove', 'append', 'readAfter', 'trim'],
  ...['count', 'sessionsOf', 'expired', 'watch'],
]

/** Why these options may not be `Infinity`. */
const endless: Readonly<Partial<Record<keyof RealtimeServerOptions, string>>> = {
  heartbeatMs: 'the server sends it to clients, which would never notice that a connection is dead',
  resumeWindowMs: 'the server sends it to clients, and a session whose client never returns would be kept for ever',
  presenceTimeoutMs: 'members of a node that died would stay for ever',
  leaseMs: 'messages that a node had taken when it died would never be handled',
}

/** V8's longest string, in UTF-16 code units: a body or a frame becomes one string. */
const longestText = 2 ** 29 - 24

const counts: Partial<Record<keyof Limits, CountRule>> = {
  maxMessageBytes: { most: 2 ** 27, why: 'the server sends it to clients, and a message has to fit into one text' },
  maxBatchBytes: { most: longestText, why: 'a batch has to fit into one text' },
}

/** @throws TypeError that names the option, its value, and the allowed values */
export function settingsOf(options: RealtimeServerOptions): Settings {
  if (typeof options !== 'object' || options === null) fail('the argument', options, 'an object of options')
  if (typeof Reflect.get(options, 'listen') === 'function')
    fail('the argument', options, 'an object of options', 'give the server to attach(), as new RealtimeServer().attach(server)')
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.entries(optionKinds).find(([known]) => known === name)?.[1]
    if (name === 'close' && options.topics && options.sessions)
      throw new TypeError(
        'RealtimeServer: close is not an option: pass { topics: store.topics, sessions: store.sessions } instead of { ...store }.',
      )
    if (!kind && isStore(value))
      throw new TypeError(`RealtimeServer: ${name} is not an option: write topics: store.topics, sessions: store.sessions.`)
    if (!kind) failUnknown(name, Object.keys(optionKinds))
    if (name === 'codec' && typeof value === 'function')
      fail(name, value, 'an object', `call it, as codec: ${value.name || 'json'}()`)
    if (kind !== 'any' && value !== undefined && (typeof value !== kind || value === null)) fail(name, value, article(kind))
  }
  if (options.acceptSession && options.selectProtocol)
    throw new TypeError(
      'RealtimeServer: selectProtocol cannot be combined with acceptSession, which returns the subprotocol itself.',
    )
  const { path = '/realtime', topics, sessions, codec } = options
  const host = options.host ?? nodeHost(options.onError)
  if (!/^\/[^?#]*$/.test(path)) fail('path', path, "a path that begins with '/'")
  if (codec && (typeof codec.encode !== 'function' || typeof codec.decode !== 'function'))
    fail('codec', codec, 'an object with encode() and decode()')
  if (!topics !== !sessions)
    fail(
      topics ? 'sessions' : 'topics',
      undefined,
      `given together with ${topics ? 'topics' : 'sessions'}`,
      'write topics: store.topics, sessions: store.sessions',
    )
  if (topics) checkMethods('topics', topics, topicMethods)
  if (sessions) {
    checkMethods('sessions', sessions, sessionMethods)
    checkStoreId(sessions)
  }
  const own = topics && sessions ? null : memoryStore()
  const isLocal = own !== null || (topics instanceof MemoryTopics && sessions instanceof MemorySessions)
  // Clients ask for a long-poll of this length, and a hello contains only integers.
  const heartbeatMs = Math.round(timeOf('heartbeatMs', options.heartbeatMs, 25_000))
  const resumeWindowMs = timeOf('resumeWindowMs', options.resumeWindowMs, 120_000)
  const leaseMs = timeOf('leaseMs', options.leaseMs, 10_000)
  const reauthenticateMs = timeOf('reauthenticateMs', options.reauthenticateMs, Infinity)
  const storeTimeoutMs = timeOf('storeTimeoutMs', options.storeTimeoutMs, 5000)
  const isTrustedProxy = trustOf(options.trustProxy)
  return {
    host,
    path,
    origins: originsOf(options.origins),
    publicOrigins: publicOriginsOf(options.publicOrigins),
    isTrustedProxy,
    isProxyUnset: options.trustProxy === undefined && options.addressOf === undefined,
    node: {
      heartbeatMs,
      resumeWindowMs,
      leaseMs,
      reauthenticateMs,
      keep: topicKeepOf(options.keep),
      // At run time data is just JSON: the application vouches for its type parameters.
      presence: options.presence as PresenceInfo | undefined,
      requestTimeoutMs: timeOf('requestTimeoutMs', options.requestTimeoutMs, 60_000),
      presenceTimeoutMs: timeOf('presenceTimeoutMs', options.presenceTimeoutMs, 10_000),
      // A store that answers synchronously needs no timer for each call.
      storeTimeoutMs: isLocal ? undefined : storeTimeoutMs,
      limits: limitsOf(options.limits),
      tickMs: tickOf(heartbeatMs, leaseMs, resumeWindowMs, reauthenticateMs),
      isAuthenticating: options.authenticate !== undefined,
      pinSessions: options.pinSessions ?? false,
      codec,
    },
    topics: topics ?? own?.topics ?? memoryStore().topics,
    sessions: sessions ?? own?.sessions ?? memoryStore().sessions,
    scope: own ? 'all' : 'node',
    authenticate: options.authenticate ?? (() => anonymous),
    selectProtocol: options.selectProtocol ?? (([first]) => first),
    acceptSession: options.acceptSession,
    addressOf: options.addressOf ?? ((request) => clientAddress(request, isTrustedProxy)),
  }
}

function limitsOf(given: Partial<Limits> = {}): Limits {
  const values = new Map<string, unknown>(Object.entries(given))
  for (const name of values.keys()) {
    if (!Object.hasOwn(defaultLimits, name)) failUnknown(name, Object.keys(defaultLimits), 'limits.')
  }
  const limits = { ...defaultLimits }
  for (const name of Object.keys(defaultLimits) as (keyof Limits)[]) {
    const value = values.get(name) === undefined ? defaultLimits[name] : values.get(name)
    if (typeof value !== 'number') fail(`limits.${name}`, value, 'a number')
    const fault = name.endsWith('Ms') ? faultOfTime(value) : faultOfCount(value, counts[name])
    if (fault !== null) fail(`limits.${name}`, value, fault)
    limits[name] = value
  }
  const { maxMessageBytes } = limits
  const maxBatchBytes = given.maxBatchBytes ?? Math.min(4 * maxMessageBytes, longestText)
  // A body of the permitted size must fit into one client's budget of request bodies.
  const { bodyBytesPerClient = Math.max(limits.bodyBytesPerClient, maxBatchBytes) } = given
  const { maxBodyBytes = Math.max(limits.maxBodyBytes, bodyBytesPerClient) } = given
  return { ...limits, maxBatchBytes, bodyBytesPerClient, maxBodyBytes }
}

/** `name` is never an inherited member of `endless`: all names come from this file. */
function timeOf(name: keyof RealtimeServerOptions, value: number | undefined, fallback: number): number {
  const fault = faultOfTime(value ?? fallback, endless[name])
  return fault === null ? (value ?? fallback) : fail(name, value, fault)
}

function originsOf(given: unknown = []): readonly OriginRule[] {
  if (typeof given === 'function') return [ruleOf('origins', given)]
  if (!Array.isArray(given)) return fail('origins', given, 'a list of origins, or a function', hintForOrigins(given))
  return Array.from(given, (value: unknown, index) => ruleOf(`origins[${index}]`, value))
}

/** The hint for a value that is not a list. */
function hintForOrigins(given: unknown): string {
  const rule = readOriginRule(given)
  return 'why' in rule && rule.why !== '' ? rule.why.replace(/^write ('.*')$/, 'write origins: [$1]') : listOf('origins', given)
}

function publicOriginsOf(given: unknown = []): readonly string[] {
  if (!Array.isArray(given))
    return fail('publicOrigins', given, "a list of this server's own origins", listOf('publicOrigins', given))
  return Array.from(given, (value: unknown, index) => {
    const rule = ruleOf(`publicOrigins[${index}]`, value)
    const isOwn = rule.type === 'exact' && /^https?:/.test(rule.origin)
    return isOwn ? rule.origin : fail(`publicOrigins[${index}]`, value, "an origin as 'https://app.example:8443'")
  })
}

function ruleOf(name: string, value: unknown): OriginRule {
  const rule = readOriginRule(value)
  if ('type' in rule) return rule
  return fail(name, value, "an origin as 'https://app.example', without a path", rule.why)
}

function trustOf(given: unknown): TrustedProxy {
  const read = readTrustProxy(given)
  return typeof read === 'function' ? read : fail('trustProxy', given, trustProxyValues, read.why)
}

/** Whether this is a whole store, such as `memoryStore()` returns, in place of its two parts. */
function isStore(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'topics' in value && 'sessions' in value
}

function checkStoreId(sessions: SessionStore): void {
  const id: unknown = Reflect.get(sessions, 'id')
  if (id === null) return
  if (typeof id === 'string' && /^[\w-]{1,64}$/.test(id)) return
  fail(
    'sessions.id',
    id,
    'the name of the store, 1 to 64 letters, digits, - and _, the same on all nodes that share it, or null until it is known',
  )
}

function checkMethods(name: string, port: object, methods: readonly string[]): void {
  const missing = methods.find((method) => typeof Reflect.get(port, method) !== 'function')
  if (missing) fail(name, port, `a store with ${methods.join(', ')}; ${missing} is missing`)
}

function listOf(name: string, given: unknown): string {
  return typeof given === 'string' ? `write ${name}: [${quoted(given)}]` : ''
}

function failUnknown(name: string, known: readonly string[], prefix = ''): never {
  throw new TypeError(`RealtimeServer: ${unknownOption(name, known, prefix)}.`)
}

function article(kind: string): string {
  return kind === 'object' ? 'an object' : `a ${kind}`
}

function fail(name: string, value: unknown, allowed: string, hint = ''): never {
  const shown = typeof value === 'string' ? quoted(value) : typeof value === 'number' ? String(value) : kindOf(value)
  throw new TypeError(`RealtimeServer: ${name} must be ${allowed}; it was ${shown}${hint && `: ${hint}`}.`)
}
