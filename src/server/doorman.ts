import type { IncomingMessage } from 'node:http'
import { type CloseFrame, codes } from '../protocols/wire.ts'
import { CarrierCount } from './carrier-count.ts'
import { isForwarded, isPrivateAddress, limitKey, peerOf } from './client-address.ts'
import type { Greeting } from './client-frames.ts'
import type { Ledger } from './ledger.ts'
import type { ServerNode } from './node.ts'
import { RefusalReporter, reasonOf } from './refusals.ts'
import type { Principal } from './session.ts'
import type { Settings } from './settings.ts'
import { isThenable } from './thenable.ts'
import { AddressLimit, judgeOrigin, type OriginVerdict, type RefusedOrigin } from './trust.ts'

/** What a request's URL says that anybody need know. */
export interface Address {
  readonly query: URLSearchParams
  readonly isTooLong: boolean
}

/** Who may come in: what both ways in, HTTP and WebSocket, ask of a request before the node hears of it. */
export class Doorman {
  readonly node: ServerNode
  readonly settings: Settings
  readonly ledger: Ledger
  readonly carriers: CarrierCount
  readonly #addresses: AddressLimit
  readonly #refusals: RefusalReporter
  #mayWarn: boolean

  constructor(node: ServerNode, settings: Settings, ledger: Ledger) {
    this.node = node
    this.settings = settings
    this.ledger = ledger
    this.carriers = new CarrierCount(settings.node.limits.attachmentsPerSession)
    this.#addresses = new AddressLimit(settings.node.limits.attachmentsPerSecondPerAddress)
    this.#refusals = new RefusalReporter((error) => settings.host.report(error))
    this.#mayWarn = settings.isProxyUnset
  }

  addressOf({ url = '' }: IncomingMessage): Address {
    const isTooLong = url.length > this.settings.node.limits.maxUrlLength
    const mark = url.indexOf('?')
    return { isTooLong, query: new URLSearchParams(isTooLong || mark < 0 ? '' : url.slice(mark + 1)) }
  }

  /** The client's address as limits count by it, as far as it can be told. */
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

  /** What a client goes by where what it uses is counted. */
  namesOf(request: IncomingMessage, { id }: Principal): readonly string[] {
    const address = this.clientOf(request)
    const ofPrincipal = this.settings.node.isAuthenticating ? [`principal ${id}`] : []
    return address === undefined ? ofPrincipal : [`address ${address}`, ...ofPrincipal]
  }

  /** What its origin means. It never throws nor rejects: a function of the application's that does lets nobody in. */
  judgeOrigin(request: IncomingMessage): OriginVerdict | Promise<OriginVerdict> {
    const { settings } = this
    const failed = (error: unknown): RefusedOrigin => {
      settings.host.report(error)
      return { type: 'refused', origin: request.headers.origin ?? null, own: settings.publicOrigins[0] ?? 'unknown' }
    }
    try {
      const verdict = judgeOrigin(request, settings)
      if (!isThenable(verdict)) return verdict
      const { authenticateTimeoutMs } = settings.node.limits
      return within(verdict, authenticateTimeoutMs, settings.host, 'a function in `origins`').catch(failed)
    } catch (error) {
      return failed(error)
    }
  }

  /** Why this request is not let in, whatever it says. */
  refusal(request: IncomingMessage, { isTooLong }: Address, origin: OriginVerdict): CloseFrame | null {
    this.#warnOfProxy(request)
    if (isTooLong) return { code: codes.tooLarge, reason: 'the URL is too long' }
    if (origin.type !== 'refused') return null
    this.#refusals.refused(origin)
    return { code: codes.forbidden, reason: reasonOf(origin) }
  }

  /** Why its address has to wait, if it has. What goes on with an attachment that was let in here is none of its attachments. */
  addressRefusal(request: IncomingMessage, greeting: Greeting | null): CloseFrame | null {
    const { host } = this.settings
    if (greeting && this.node.isContinued(greeting)) return null
    if (this.#addresses.take(this.clientOf(request), host.now())) return null
    return { code: codes.tooMany, reason: 'too many from this address', retryAfterMs: this.node.pauseMs() }
  }

  /** Asks the application who this is. */
  async principalOf(request: IncomingMessage, auth: unknown): Promise<Principal | CloseFrame> {
    const { host, authenticate, node } = this.settings
    try {
      const asked = authenticate(request, auth)
      const principal =
        asked instanceof Promise ? await within(asked, node.limits.authenticateTimeoutMs, host, 'authenticate()') : asked
      if (principal === null || principal === undefined) return { code: codes.unauthenticated, reason: 'not authenticated' }
      if (typeof principal.id === 'string' && principal.id !== '') return principal
      throw new TypeError(
        'RealtimeServer: authenticate() must return null or an object whose `id` is a string that is not empty.',
      )
    } catch (error) {
      host.report(error)
      return { code: codes.internal, reason: 'internal error', retryAfterMs: this.node.pauseMs() }
    }
  }

  /** Tells once of a proxy that nobody has told the server of: all of its clients are one address, or none. */
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

export function isPrincipal(value: Principal | CloseFrame): value is Principal {
  return 'id' in value
}

function within<Value>(promise: Promise<Value>, timeoutMs: number, { after }: Settings['host'], what: string): Promise<Value> {
  if (timeoutMs === Infinity) return promise
  return new Promise((resolve, reject) => {
    const cancel = after(timeoutMs, () => reject(new Error(`RealtimeServer: ${what} took more than ${timeoutMs} ms.`)))
    promise.finally(cancel).then(resolve, reject)
  })
}
