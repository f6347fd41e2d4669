import { readTrustProxy, type TrustedProxy, trustProxyValues } from '../server/adapters/client-address.ts'
import { defaultLimits } from '../server/limits.ts'
import type { ServerHost } from '../server/node/host.ts'
import { nodeHost } from '../server/node/process-host.ts'
import { optionKinds } from '../server/option-kinds.ts'
import type { RealtimeServerOptions } from '../server/options.ts'
import type { AnyPrincipal } from '../server/session/session-handle.ts'
import { defaultBytesPerStream } from '../server/store/memory/stream.ts'
import { faultOfCount, faultOfTime } from '../server/util/option-checks.ts'
import { kindOf } from '../server/util/payload.ts'
import { quoted } from '../util/quoted.ts'
import { unknownOption } from '../util/suggest.ts'
import { defaultForwardHeaders, faultOfHeaders, faultOfName } from './headers.ts'
import type { BackendHeaders, GatewayOptions, GatewayOwned } from './options.ts'
import { originOf, type QueryRule, readTarget } from './target.ts'

/** A gateway's own options, checked and complete. */
export interface GatewaySettings<Who extends AnyPrincipal> {
  readonly host: ServerHost
  readonly target: URL | Extract<GatewayOptions<Who>['target'], (...offer: never[]) => unknown>
  readonly allowedTargets: ReadonlySet<string>
  readonly forwardHeaders: readonly string[]
  readonly headers: BackendHeaders | Extract<GatewayOptions<Who>['headers'], (...offer: never[]) => unknown>
  readonly forwardQuery: QueryRule
  readonly isTrustedProxy: TrustedProxy
  readonly connectTimeoutMs: number
  readonly pingMs: number
  readonly maxUnreadBytes: number
  readonly maxMessageBytes: number
}

/** The options of the gateway that are not the server's. */
export const gatewayOptions = [
  ...['target', 'allowedTargets', 'forwardHeaders', 'headers', 'forwardQuery', 'connectTimeoutMs', 'pingMs', 'maxUnreadBytes'],
] as const satisfies readonly string[]

const owned: Readonly<Record<GatewayOwned, string>> = {
  acceptSession: 'a session is accepted when its backend is connected',
  pinSessions: 'the sessions of a gateway are pinned to the node that has their backend',
  selectProtocol: 'the backend chooses the subprotocol',
  onSession: 'what the backend sends goes to the session',
  onMessage: 'what the client sends goes to the backend',
  onEnd: 'the backend is closed then',
  onClose: 'the backends are closed then',
  codec: 'text and bytes go through as they are',
}

/** How much longer the server waits than the gateway, in milliseconds, so that the gateway's own refusal reaches the client. */
const marginMs = 5000

/** @throws TypeError that names the option, what is wrong with it, and what is allowed */
export function gatewaySettings<Who extends AnyPrincipal>(options: GatewayOptions<Who>): GatewaySettings<Who> {
  if (typeof options !== 'object' || options === null) return fail('the argument', options, 'an object of options')
  checkNames(options)
  for (const [name, why] of Object.entries(owned))
    if (Reflect.get(options, name) !== undefined)
      throw new TypeError(`gateway: the option '${name}' is not supported here: ${why}.`)
  const { headers = {}, maxUnreadBytes = 4_194_304, limits = {}, connectTimeoutMs = 10_000 } = options
  const maxMessageBytes = limits.maxMessageBytes ?? defaultLimits.maxMessageBytes
  const target = targetOf<Who>(options.target)
  if (typeof headers !== 'function') {
    const fault = faultOfHeaders(headers)
    if (fault !== null) throw new TypeError(`gateway: headers: ${fault}.`)
  }
  check('connectTimeoutMs', connectTimeoutMs, (value) => faultOfTime(value, 'a client would wait for ever'))
  check('pingMs', options.pingMs ?? 30_000, (value) => faultOfTime(value))
  check('maxUnreadBytes', maxUnreadBytes, (value) => faultOfCount(value, { most: Number.MAX_SAFE_INTEGER }))
  if (!options.sessions && maxUnreadBytes + maxMessageBytes > defaultBytesPerStream)
    throw new TypeError(
      `gateway: maxUnreadBytes (${maxUnreadBytes}) and limits.maxMessageBytes (${maxMessageBytes}) together exceed the ${defaultBytesPerStream} bytes that the default store keeps for one session; lower one of them, or give { topics, sessions } of memoryStore({ maxBytesPerStream }).`,
    )
  if (limits.authenticateTimeoutMs !== undefined && limits.authenticateTimeoutMs < connectTimeoutMs)
    throw new TypeError('gateway: limits.authenticateTimeoutMs must not be shorter than connectTimeoutMs, which is a part of it.')
  return {
    host: options.host ?? nodeHost(options.onError),
    target,
    allowedTargets: allowedOf(options.allowedTargets, target),
    forwardHeaders: forwardHeadersOf(options.forwardHeaders),
    headers,
    forwardQuery: queryRuleOf(options.forwardQuery),
    isTrustedProxy: trustOf(options.trustProxy),
    connectTimeoutMs,
    pingMs: options.pingMs ?? 30_000,
    maxUnreadBytes,
    maxMessageBytes,
  }
}

/** The server's part of the options. */
export function serverOptions<Who extends AnyPrincipal>(
  options: GatewayOptions<Who>,
  { connectTimeoutMs }: Pick<GatewaySettings<Who>, 'connectTimeoutMs'>,
): RealtimeServerOptions<Who> {
  const names: readonly string[] = gatewayOptions
  const rest = Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)))
  const { authenticateTimeoutMs = Math.max(defaultLimits.authenticateTimeoutMs, connectTimeoutMs + marginMs) } =
    options.limits ?? {}
  return { ...rest, limits: { ...options.limits, authenticateTimeoutMs } }
}

function targetOf<Who extends AnyPrincipal>(given: unknown): GatewaySettings<Who>['target'] {
  if (typeof given === 'function') return given as Extract<GatewaySettings<Who>['target'], (...offer: never[]) => unknown>
  if (given === undefined)
    throw new TypeError("gateway: the option 'target' is missing: the URL of the backend, as 'ws://127.0.0.1:9000'.")
  const url = readTarget(given)
  // The message does not show the URL, which may hold a secret.
  if (typeof url === 'string')
    throw new TypeError(`gateway: target must be a URL as 'ws://127.0.0.1:9000/path', or a function: ${url}.`)
  return url
}

function allowedOf(given: unknown, target: URL | object): ReadonlySet<string> {
  const own = target instanceof URL ? [originOf(target)] : []
  if (given === undefined && own.length === 0)
    throw new TypeError(
      "gateway: allowedTargets is required where target is a function: the origins to which it may lead, as ['ws://10.0.0.1:9000'].",
    )
  if (given === undefined) return new Set(own)
  if (!Array.isArray(given) || given.length === 0)
    return fail('allowedTargets', given, "a list of origins, as ['ws://10.0.0.1:9000']")
  const allowed = given.map((each, index) => {
    const url = readTarget(each)
    const isOrigin = typeof url !== 'string' && url.pathname === '/' && url.search === ''
    if (!isOrigin) return fail(`allowedTargets[${index}]`, each, "an origin as 'ws://10.0.0.1:9000', without a path")
    return originOf(url)
  })
  const missing = own.find((each) => !allowed.includes(each))
  if (missing !== undefined) throw new TypeError(`gateway: allowedTargets must contain the origin of target, ${missing}.`)
  return new Set(allowed)
}

function forwardHeadersOf(given: unknown = defaultForwardHeaders): readonly string[] {
  if (!Array.isArray(given)) return fail('forwardHeaders', given, "a list of names, as ['cookie', 'authorization']")
  return given.map((name: unknown) => {
    const fault = faultOfName(name)
    if (fault === null) return String(name).toLowerCase()
    throw new TypeError(`gateway: forwardHeaders cannot have '${String(name)}': ${fault}.`)
  })
}

function queryRuleOf(given: unknown = true): QueryRule {
  if (typeof given === 'boolean') return given
  if (Array.isArray(given) && given.every((each) => typeof each === 'string')) return [...given]
  return fail('forwardQuery', given, 'true, false, or a list of parameters')
}

function trustOf(given: unknown): TrustedProxy {
  const read = readTrustProxy(given)
  if (typeof read === 'function') return read
  return fail('trustProxy', given, read.why ? `${trustProxyValues}; ${read.why}` : trustProxyValues)
}

function check(name: string, value: unknown, faultOf: (value: number) => string | null): void {
  const fault = typeof value === 'number' ? faultOf(value) : 'a number'
  if (fault !== null) fail(name, value, fault)
}

function fail(name: string, value: unknown, allowed: string): never {
  const shown = typeof value === 'string' ? quoted(value) : typeof value === 'number' ? String(value) : kindOf(value)
  throw new TypeError(`gateway: ${name} must be ${allowed}; it was ${shown}.`)
}

/** @throws TypeError for an option that neither a gateway nor a server has */
function checkNames(options: object): void {
  const known: readonly string[] = [...gatewayOptions, ...Object.keys(optionKinds).filter((name) => !Object.hasOwn(owned, name))]
  for (const name of Object.keys(options))
    if (!known.includes(name) && !Object.hasOwn(owned, name)) throw new TypeError(`gateway: ${unknownOption(name, known)}.`)
}
