import type { Circumstances } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { OutboxBounds } from '../api/message-sender.ts'
import type { Mode, ModeProtocol } from '../api/mode.ts'
import type { BuiltInTransport, RealtimeOptions, TransportOptions } from '../api/options.ts'
import type { Protocol } from '../api/protocol.ts'
import type { FetchCredentials, Transport } from '../api/transport.ts'
import { backoff, type RetryPolicy } from '../connection/machine/backoff.ts'
import { plainProtocol } from '../protocols/plain.ts'
import { plainMode } from '../sending/plain-mode.ts'
import { transportNames } from '../transports/names.ts'
import { fail, failUnknown, mustHaveOnly, numbers, oneOf } from '../util/check-options.ts'
import { wrongSubprotocol } from '../util/http-fields.ts'
import { isSendable } from '../util/type-tags.ts'
import { type LazyUrl, lazyUrl } from './lazy-url.ts'

/** A configured transport with its URLs. */
export interface Endpoint {
  readonly transport: Transport
  readonly url: LazyUrl
  readonly sendUrl: LazyUrl
  readonly sendBatch?: 'ndjson' | undefined
  readonly subprotocols: readonly string[]
}

/** The options, validated and with defaults. */
export interface Settings {
  readonly url: LazyUrl
  readonly endpoints: readonly Endpoint[]
  /** Each client has its own. */
  readonly mode: Mode
  readonly retry: RetryPolicy
  readonly outbox: OutboxBounds & { readonly ttlMs: number }
  readonly connectTimeoutMs: number
  readonly raceAfterMs: number | null
  readonly provingMs: number
  readonly credentials: FetchCredentials
  readonly autoConnect: boolean
  readonly probe: boolean
}

/** The `typeof` of each option; those with `any` are checked below. */
const kinds: Readonly<Record<keyof RealtimeOptions, string>> = {
  transports: 'any',
  protocol: 'any',
  connection: 'object',
  prepare: 'function',
  credentials: 'any',
  retry: 'any',
  judge: 'function',
  causes: 'object',
  probe: 'boolean',
  diagnosis: 'object',
  heartbeat: 'object',
  outbox: 'object',
  debug: 'any',
  autoConnect: 'boolean',
  connectTimeoutMs: 'number',
  raceAfterMs: 'number',
  provingMs: 'number',
  signal: 'object',
  codec: 'object',
  host: 'object',
}

const none: readonly string[] = []
/** So many retries in a row keep to the time that a server has sent with its close code; later ones add the backoff. */
const reservedPlaces = 3

/** Validates the options. @throws TypeError that names the option, its value, and the allowed values */
export function settingsOf<In, Out>(
  url: unknown,
  options: RealtimeOptions<In, Out>,
  host: Host,
  hostNames: readonly string[],
): Settings {
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.entries(kinds).find(([known]) => known === name)?.[1]
    if (!kind) failUnknown('', name, value, Object.keys(kinds))
    if (value !== undefined && kind !== 'any' && (typeof value !== kind || value === null))
      fail(name, value, `${kind === 'object' ? 'an' : 'a'} ${kind}`)
  }
  const { protocol = 'plain', transports, outbox, heartbeat, retry, raceAfterMs, signal, codec, debug, connection } = options
  if (connection && !('share' in connection)) fail('connection', connection, 'shared(), which is imported from steadfast/shared')
  if (!['undefined', 'boolean', 'function'].includes(typeof debug)) fail('debug', debug, 'true, false or a function')
  if (signal && typeof signal.addEventListener !== 'function') fail('signal', signal, 'an AbortSignal')
  if (codec && (typeof codec.encode !== 'function' || typeof codec.decode !== 'function'))
    fail('codec', codec, 'a Codec with `encode` and `decode`')
  for (const [cause, own] of Object.entries(options.causes ?? {})) {
    if (typeof own !== 'object' || !own) fail(`causes.${cause}`, own, 'an object with message, remedy or verdict')
    mustHaveOnly(`causes.${cause}.`, own, ['message', 'remedy', 'verdict'])
    if (own.verdict !== undefined) oneOf(`causes.${cause}.verdict`, own.verdict, ['retry', 'fallback', 'stop'])
  }
  mustHaveOnly('host.', options.host ?? {}, hostNames)
  const base = lazyUrl(url, host)
  const times = numbers('', options, { connectTimeoutMs: 10_000, provingMs: 5000, raceAfterMs: 0 }, Object.keys(kinds))
  if (!Array.isArray(transports) || !transports.length) fail('transports', transports, 'a list of at least one transport')
  const mayAsk = transports.some((entry) => isBuiltIn(entry) && ['long-poll', 'poll'].includes(entry.settings.type))
  const mode = modeOf(protocol, heartbeat, host, base)
  const { credentials = mode.credentials } = options
  return {
    ...times,
    url: base,
    endpoints: transports.map((entry, index) =>
      endpointOf(entry, `transports[${index}]`, base, times.connectTimeoutMs, mode, !mayAsk),
    ),
    mode,
    retry: retryOf(retry, host, mode),
    outbox: {
      ...numbers('outbox.', outbox, { maxMessages: 100_000, maxBytes: 2 ** 24, ttlMs: Infinity }, ['overflow']),
      overflow: oneOf('outbox.overflow', outbox?.overflow ?? 'reject', ['reject', 'drop-oldest', 'drop-newest']),
    },
    raceAfterMs: raceAfterMs ?? null,
    credentials: oneOf('credentials', credentials, ['omit', 'same-origin', 'include']),
    autoConnect: options.autoConnect ?? (host.isLive && base.isKnown),
    probe: options.probe ?? true,
  }
}

function endpointOf(
  entry: unknown,
  name: string,
  base: LazyUrl,
  connectTimeoutMs: number,
  mode: Mode,
  isPatient: boolean,
): Endpoint {
  if (!isBuiltIn(entry)) {
    const isOwn = typeof entry === 'object' && entry !== null && 'dial' in entry
    if (!isOwn || !isTransport(entry))
      fail(name, entry, isOwn ? 'a Transport with `type` and `dial`' : 'webSocket(), sse(), longPoll(), poll() or a Transport')
    if (mode.transport) fail(name, entry.type, `one of ${transportNames.join(', ')} where protocol is ${mode.name}()`)
    return { transport: entry, url: base, sendUrl: base, subprotocols: none }
  }
  const { settings } = entry
  const url = settings.url === undefined ? base : lazyUrl(settings.url, base, `${name}.url`)
  const { sendUrl, sendBatch }: TransportOptions<'sse'> = settings.type === 'websocket' ? {} : settings
  if (sendBatch !== undefined) oneOf(`${name}.sendBatch`, sendBatch, ['ndjson'])
  if (sendBatch && mode.protocol.body) fail(`${name}.sendBatch`, sendBatch, `left out where the protocol is ${mode.name}`)
  const prefix = `${name}.`
  const transport =
    mode.transport?.(settings, prefix, connectTimeoutMs) ?? entry.create(settings, prefix, { connectTimeoutMs, isPatient })
  const subprotocols = (settings.type === 'websocket' && settings.subprotocols) || none
  const wrong = wrongSubprotocol(subprotocols)
  if (wrong) fail(`${name}.subprotocols`, subprotocols, `left out or a list of tokens, ${wrong}`)
  const sentTo = sendUrl === undefined ? url : lazyUrl(sendUrl, base, `${name}.sendUrl`)
  return { transport, url, sendUrl: sentTo, sendBatch, subprotocols }
}

/** Returns the client's mode: plain, with a `Protocol` or the default one, or that of a separate entry such as `session()`. */
function modeOf(protocol: unknown, heartbeat: RealtimeOptions['heartbeat'], host: Host, base: LazyUrl): Mode {
  if (isModeProtocol(protocol)) {
    if (heartbeat) fail('heartbeat', heartbeat, 'left out: the server sets it')
    return protocol.createMode(host, () => base.get())
  }
  if (protocol === 'session')
    fail('protocol', protocol, "session(), which is imported: import { session } from 'steadfast/session'")
  const dialect = protocol === 'plain' ? plainProtocol() : protocol
  if (!isProtocol(dialect)) fail('protocol', protocol, "'plain', session() or a Protocol")
  for (const name of ['resumes', 'readFrame', 'readEvent', 'readAnswer'] as const)
    if (typeof dialect[name] !== 'function') fail(`protocol.${name}`, dialect[name], 'a function')
  const others = ['message', 'reply']
  const { message = '', reply = '' } = heartbeat ?? {}
  const encoded = 'such as JSON.stringify(…)'
  if (!isSendable(message)) fail('heartbeat.message', message, `a string or bytes, ${encoded}`)
  if (typeof reply !== 'string') fail('heartbeat.reply', reply, `a string, ${encoded}`)
  const times = heartbeat && {
    ...heartbeat,
    ...numbers('heartbeat.', heartbeat, { intervalMs: 25_000, timeoutMs: 10_000 }, others),
  }
  return plainMode(dialect, times ?? null)
}

function isBuiltIn(value: unknown): value is BuiltInTransport {
  return typeof value === 'object' && value !== null && 'create' in value && 'settings' in value
}

function isTransport(value: object): value is Transport {
  return 'dial' in value && typeof value.dial === 'function' && 'type' in value && typeof value.type === 'string'
}

function isProtocol(value: unknown): value is Protocol {
  return typeof value === 'object' && value !== null && 'ask' in value && typeof value.ask === 'function'
}

function isModeProtocol(value: unknown): value is ModeProtocol {
  return typeof value === 'object' && value !== null && 'createMode' in value
}

function retryOf(retry: RealtimeOptions['retry'], host: Host, mode: Mode): RetryPolicy {
  if (retry === false) return () => null
  if (retry !== undefined && retry !== null && typeof retry !== 'object' && typeof retry !== 'function')
    fail('retry', retry, 'a schedule, a function or false')
  const given = typeof retry === 'function' ? {} : retry
  const defaults = { minDelayMs: 1000, maxDelayMs: 30_000, factor: 2, maxAttempts: Infinity }
  const times = numbers('retry.', given, defaults, [])
  const { minDelayMs = 0, maxDelayMs = Infinity } = given ?? {}
  if (minDelayMs > maxDelayMs) fail('retry.minDelayMs', minDelayMs, `at most retry.maxDelayMs, ${maxDelayMs}`)
  // The server knows how many clients would reconnect at once; but a `minDelayMs` of the application takes precedence.
  const spreadMs = () => (given?.minDelayMs === undefined ? mode.spreadMs() : null)
  const windows = backoff(times, () => host.random(), spreadMs)
  // A server that sends a time with its close code reserves a place for this client at that time (rule 18), so no delay is added;
  // but no server can make the client spin.
  const schedule: RetryPolicy = (context) => {
    const delayMs = windows(context)
    const { evidence } = context.diagnosis
    const hasPlace = evidence.kind === 'closed' && evidence.retryAfterMs && context.attempt <= reservedPlaces
    return delayMs !== null && hasPlace ? 0 : delayMs
  }
  if (typeof retry !== 'function') return schedule
  return (context) => {
    try {
      const delayMs = retry(context)
      return delayMs === null || delayMs >= 0 ? delayMs : fail('what retry() returns', delayMs, 'milliseconds or null')
    } catch (error) {
      // An error in the application's function must not end the connection.
      host.report(error)
      return schedule(context)
    }
  }
}

/** Returns the circumstances that all diagnoses of this client share. */
export function circumstancesOf({ mode, endpoints }: Settings): Partial<Circumstances> {
  return { ...mode.circumstances, ...(endpoints.length === 1 && { isOnlyWay: true }) }
}
