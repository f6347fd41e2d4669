import type { Host } from '../api/host.ts'
import type { FetchCredentials } from '../api/transport.ts'
import { unknownOption } from '../util/suggest.ts'
import { newSession, type Session, serverName } from './place.ts'

/** The transports of a `SockJS`, in the order in which they are tried. */
export type SockJSTransport = 'websocket' | 'xhr-streaming' | 'eventsource' | 'xhr-polling'

/** The options of a `SockJS`, as sockjs-client has them. */
export interface SockJSOptions {
  /**
   * The transports that may be used; they are always tried in the order of the default. Names of sockjs-client for old browsers
   * (`'iframe-eventsource'`, `'jsonp-polling'` and the like) are accepted and ignored.
   * @defaultValue ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling']
   */
  readonly transports?: string | readonly string[]
  /** The part of the URLs by which a load balancer may choose the node. @defaultValue three random digits */
  readonly server?: string
  /** The session's part of the URLs: a count of random characters, or a function returning it. @defaultValue 128 random bits */
  readonly sessionId?: number | (() => string)
  /** The least time to open a transport, in milliseconds. @defaultValue twice a limit taken from the round trip to `/info` */
  readonly timeout?: number
  /** Whether requests carry cookies. @defaultValue 'include', as in sockjs-client */
  readonly credentials?: FetchCredentials
  /** Replaces parts of the platform: `{ WebSocket }` in Node before version 22. */
  readonly host?: Partial<Host>
}

/** The options, checked and complete. */
export interface SockJSSettings {
  readonly transports: readonly SockJSTransport[]
  readonly timeoutMs: number
  readonly credentials: FetchCredentials
  /** Makes a session's part of the URLs, a new one for each transport that is tried. */
  session(): Session
}

const names: readonly SockJSTransport[] = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling']
const known = ['transports', 'server', 'sessionId', 'timeout', 'credentials', 'host']
/** Transports of sockjs-client for browsers without CORS or `fetch`. */
const ofOld = /^(xdr-(streaming|polling)|iframe-(eventsource|htmlfile|xhr-polling)|htmlfile|jsonp-polling)$/
const letters = 'abcdefghijklmnopqrstuvwxyz012345'

/** @throws TypeError that names the option, its value, and what is allowed */
export function settingsOf(options: unknown, host: Host): SockJSSettings {
  if (typeof options !== 'object' || !options || Array.isArray(options))
    throw new TypeError(
      'SockJS: the third argument must be an object of options; the second one, of subprotocols, may be undefined.',
    )
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw new TypeError(`SockJS: ${unknownOption(name, known)}.`)
  const { transports, server, sessionId, timeout = 0, credentials = 'include' }: SockJSOptions = options
  if (server !== undefined && (typeof server !== 'string' || !/^[^/.]+$/.test(server)))
    refuse('server', server, 'a string without slashes and dots')
  if (typeof timeout !== 'number' || !(timeout >= 0)) refuse('timeout', timeout, 'a number of milliseconds that is not negative')
  if (!['omit', 'same-origin', 'include'].includes(credentials))
    refuse('credentials', credentials, 'one of omit, same-origin, include')
  const isLength = typeof sessionId === 'number' && Number.isInteger(sessionId) && sessionId > 0 && sessionId <= 255
  if (sessionId !== undefined && typeof sessionId !== 'function' && !isLength)
    refuse('sessionId', sessionId, 'a number of characters from 1 to 255, or a function that returns the id')
  return {
    transports: transportsOf(transports),
    timeoutMs: timeout,
    credentials,
    session: () => ({ server: server ?? serverName(() => host.random()), id: idOf(sessionId, host) }),
  }
}

function transportsOf(given: SockJSOptions['transports']): readonly SockJSTransport[] {
  if (given === undefined) return names
  const list: readonly unknown[] = typeof given === 'string' ? [given] : given
  if (!Array.isArray(list) || list.length === 0) refuse('transports', given, `a list of ${names.join(', ')}`)
  for (const each of list) {
    const isKnown = names.some((name) => name === each) || (typeof each === 'string' && ofOld.test(each))
    if (!isKnown) refuse('transports', each, `of ${names.join(', ')}`)
  }
  return names.filter((name) => list.includes(name))
}

function idOf(given: SockJSOptions['sessionId'], host: Host): string {
  if (given === undefined) return newSession(host).id
  if (typeof given === 'number') return Array.from(host.randomBytes(given), (byte) => letters[byte % letters.length]).join('')
  const id: unknown = given()
  if (typeof id !== 'string' || !/^[^/.]+$/.test(id)) refuse('sessionId()', id, 'a string without slashes and dots')
  return id
}

function refuse(name: string, value: unknown, allowed: string): never {
  throw new TypeError(`SockJS: ${name} must be ${allowed}; it was ${typeof value === 'string' ? `'${value}'` : String(value)}.`)
}
