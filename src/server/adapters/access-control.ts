import type { IncomingMessage } from 'node:http'
import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { ClientHello } from '../delivery/parse-frames.ts'
import type { Reauthenticate } from '../delivery/reauthentication.ts'
import type { ServerNode } from '../node/node.ts'
import type { AskAcceptance } from '../session/acceptance.ts'
import type { Attaching } from '../session/attach-request.ts'
import type { Principal } from '../session/session-handle.ts'
import type { Settings } from '../settings.ts'
import { mustBeWellFormed } from '../util/option-checks.ts'
import { isThenable } from '../util/thenable.ts'
import { tookTooLong, within } from '../util/within.ts'
import type { AttemptLedger } from './attempt-ledger.ts'
import { ByteBudget } from './byte-budget.ts'
import { CarrierCount } from './carrier-count.ts'
import { isForwarded, isPrivateAddress, limitKey, peerOf } from './client-address.ts'
import { AddressLimit, checkOrigin, type OriginVerdict, type RefusedOrigin } from './origin.ts'
import { RefusalReporter, reasonOf } from './origin-refusals.ts'

/** The parsed parts of a request's URL. */
export interface Address {
  readonly query: URLSearchParams
  readonly isTooLong: boolean
}

/** So many bytes of a hello are not counted: clients without long credentials are served whoever else asks. */
const freeHelloBytes = 4096

/** Access checks that the HTTP and WebSocket handlers apply to a request before the node receives it. */
export class AccessControl {
  readonly node: ServerNode
  readonly settings: Settings
  readonly ledger: AttemptLedger
  readonly carriers: CarrierCount
  /** Bodies and frames that have not arrived completely. */
  readonly bodies: ByteBudget
  /** Hellos whose clients are being authenticated. */
  readonly #hellos: ByteBudget
  readonly #addresses: AddressLimit
  readonly #refusals: RefusalReporter
  #mayWarn: boolean

  constructor(node: ServerNode, settings: Settings, ledger: AttemptLedger) {
    this.node = node
    this.settings = settings
    this.ledger = ledger
    const { attachmentsPerSession, attachmentsPerSecondPerAddress, maxBodyBytes, bodyBytesPerClient } = settings.node.limits
    this.carriers = new CarrierCount(attachmentsPerSession)
    this.bodies = new ByteBudget(maxBodyBytes, bodyBytesPerClient)
    this.#hellos = new ByteBudget(maxBodyBytes / 2, Infinity)
    this.#addresses = new AddressLimit(attachmentsPerSecondPerAddress)
    this.#refusals = new RefusalReporter((error) => settings.host.report(error))
    this.#mayWarn = settings.isProxyUnset
  }

  addressOf({ url = '' }: IncomingMessage): Address {
    const isTooLong = url.length > this.settings.node.limits.maxUrlLength
    const mark = url.indexOf('?')
    return { isTooLong, query: new URLSearchParams(isTooLong || mark < 0 ? '' : url.slice(mark + 1)) }
  }

  /**
   * The client's address as limits count it, if it is known. To be called once per request, since it may call the application's
   * `addressOf`.
   */
  clientOf(request: IncomingMessage): string | undefined {
    const { host, addressOf } = this.settings
    try {
      const address = addressOf(request)
      return typeof address === 'string' ? limitKey(address) : undefined
    } catch (error) {
      host.report(error)
      return undefined
    }
  }

  /** The keys under which a client's use of resources is counted. */
  namesOf(address: string | undefined, { id }: Principal): readonly string[] {
    const ofPrincipal = this.settings.node.isAuthenticating ? [`principal ${id}`] : []
    return address === undefined ? ofPrincipal : [`address ${address}`, ...ofPrincipal]
  }

  /** Checks the request's origin. It neither throws nor rejects: an error of the application's function refuses the origin. */
  checkOrigin(request: IncomingMessage): OriginVerdict | Promise<OriginVerdict> {
    const { settings } = this
    const failed = (error: unknown): RefusedOrigin => {
      settings.host.report(error)
      return { type: 'refused', origin: request.headers.origin ?? null, own: settings.publicOrigins[0] ?? 'unknown' }
    }
    try {
      const verdict = checkOrigin(request, settings)
      if (!isThenable(verdict)) return verdict
      const { authenticateTimeoutMs } = settings.node.limits
      return within(verdict, authenticateTimeoutMs, settings.host, tookTooLong('a function in `origins`')).catch(failed)
    } catch (error) {
      return failed(error)
    }
  }

  /** The refusal of this request, regardless of its hello; `null` if there is none. */
  refusal(request: IncomingMessage, { isTooLong }: Address, origin: OriginVerdict): CloseFrame | null {
    this.#warnOfProxy(request)
    if (isTooLong) return { code: codes.tooLarge, reason: 'the URL is too long' }
    if (origin.type !== 'refused') return null
    this.#refusals.refused(origin)
    return { code: codes.forbidden, reason: reasonOf(origin) }
  }

  /** The refusal if the client's address exceeds its limit, or `null`. Requests that continue an attachment do not count. */
  addressRefusal(address: string | undefined, hello: ClientHello | null): CloseFrame | null {
    const { host } = this.settings
    if (hello && this.node.isContinued(hello)) return null
    if (this.#addresses.take(address, host.elapsedMs())) return null
    return { code: codes.tooMany, reason: 'too many from this address', retryAfterMs: this.node.pauseMs() }
  }

  /** Calls `authenticate`; if the client is no longer authenticated, ends its open attachments. */
  async principalOf(request: IncomingMessage, hello: ClientHello): Promise<Principal | CloseFrame> {
    const principal = await this.#ask(request, hello.auth)
    if (!isPrincipal(principal) && principal.code === codes.unauthenticated) this.node.revoke(hello)
    return principal
  }

  /**
   * Authenticates a client and selects the subprotocol for a new session of a WebSocket-shaped one; or returns the refusal.
   * @param bytes the length of the hello
   */
  async letIn(request: IncomingMessage, hello: ClientHello, bytes: number): Promise<Attaching | CloseFrame> {
    const share = this.#hellos.share([])
    const isWithin = share.take(Math.max(0, bytes - freeHelloBytes))
    const reason = 'too many long hellos at once'
    if (!isWithin) return { code: codes.tooMany, reason, retryAfterMs: this.node.pauseMs() }
    return this.#admit(request, hello).finally(() => share.release())
  }

  async #admit(request: IncomingMessage, hello: ClientHello): Promise<Attaching | CloseFrame> {
    const principal = await this.principalOf(request, hello)
    if (!isPrincipal(principal)) return principal
    const { protocols, send } = hello
    const { acceptSession } = this.settings
    if (acceptSession && !send) return { principal, hello, ask: offering(acceptSession, request, hello, principal) }
    // The record of an existing session holds its subprotocol.
    if (!protocols || hello.cursor.size > 0 || send) return { principal, hello }
    const protocol = protocols.length > 0 ? this.#chosenOf(protocols, request) : ''
    if (protocol === null) return { code: codes.ended, reason: 'none of the offered subprotocols is supported' }
    return { principal, hello: { ...hello, protocol } }
  }

  #chosenOf(protocols: readonly string[], request: IncomingMessage): string | null {
    const { host, selectProtocol } = this.settings
    try {
      const chosen = selectProtocol(protocols, request)
      if (typeof chosen === 'string' && protocols.includes(chosen)) return chosen
      if (chosen)
        throw new TypeError(
          'RealtimeServer: selectProtocol() must return one of the protocols that it is given, or null for none.',
        )
    } catch (error) {
      host.report(error)
    }
    return null
  }

  /** A function that authenticates this client again; `null` if its credentials never expire. The closure keeps the request. */
  reauthentication(request: IncomingMessage, { expiresAt }: Principal): Reauthenticate | null {
    const isEver = (expiresAt ?? Infinity) === Infinity && (this.settings.node.reauthenticateMs ?? Infinity) === Infinity
    return isEver ? null : (auth) => this.#ask(request, auth)
  }

  async #ask(request: IncomingMessage, auth: unknown): Promise<Principal | CloseFrame> {
    const { host, authenticate, node } = this.settings
    try {
      const asked = authenticate(request, auth)
      const principal = isThenable(asked)
        ? await within(Promise.resolve(asked), node.limits.authenticateTimeoutMs, host, tookTooLong('authenticate()'))
        : asked
      if (principal === null || principal === undefined) return { code: codes.unauthenticated, reason: 'not authenticated' }
      if (typeof principal.id !== 'string' || principal.id === '')
        throw new TypeError(
          'RealtimeServer: authenticate() must return null or an object whose `id` is a string that is not empty.',
        )
      mustBeWellFormed(principal.id, '`id`, in what authenticate() returns,')
      if (!isExpiry(principal.expiresAt))
        throw new TypeError(
          'RealtimeServer: `expiresAt`, in what authenticate() returns, must be a time in milliseconds since 1970 (the `exp` of a JWT is in seconds: multiply it by 1000).',
        )
      if ((principal.expiresAt ?? Infinity) <= host.now())
        return { code: codes.unauthenticated, reason: 'the credentials have expired' }
      // The application may change its own object later, which must not change the session's record.
      return this.settings.node.isAuthenticating ? JSON.parse(JSON.stringify(principal)) : principal
    } catch (error) {
      host.report(error)
      return { code: codes.internal, reason: 'internal error', retryAfterMs: this.node.pauseMs() }
    }
  }

  /** Warns once of a proxy without `trustProxy` or `addressOf`: all of its clients count as one address, or as none. */
  #warnOfProxy(request: IncomingMessage): void {
    if (!this.#mayWarn || !isForwarded(request)) return
    const peer = peerOf(request)
    if (!isPrivateAddress(peer)) return
    this.#mayWarn = false
    this.settings.host.report(
      new Error(
        `RealtimeServer: forwarding headers (X-Forwarded-For or Forwarded) come from ${peer}, but the option trustProxy is not set, so limits per address cannot tell the clients behind it apart. If a proxy of yours is there, set trustProxy: '${peer}' (or 'loopback', 'uniquelocal'); otherwise set trustProxy: false.`,
      ),
    )
  }
}

/** The closure keeps the request until the client was admitted or refused. */
function offering(
  acceptSession: NonNullable<Settings['acceptSession']>,
  request: IncomingMessage,
  { session: id, protocols, auth }: ClientHello,
  principal: Principal,
): AskAcceptance {
  const offer = { id, principal, protocols: protocols ?? [], isSocket: protocols !== undefined, request, auth }
  return (signal) => acceptSession({ ...offer, signal })
}

/** Whether this is a time in milliseconds: one in seconds would be in January 1970. */
function isExpiry(value: unknown): boolean {
  return value === undefined || value === null || value === Infinity || (typeof value === 'number' && value > 1e11)
}

function isPrincipal(value: Principal | CloseFrame): value is Principal {
  return 'id' in value
}
