import type { IncomingMessage } from 'node:http'
import { type CloseFrame, codes } from '../protocols/wire.ts'
import { CarrierCount } from './carrier-count.ts'
import type { Ledger } from './ledger.ts'
import type { ServerNode } from './node.ts'
import type { Principal } from './session.ts'
import type { Settings } from './settings.ts'
import { AddressLimit, judgeOrigin, type OriginVerdict } from './trust.ts'

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

  constructor(node: ServerNode, settings: Settings, ledger: Ledger) {
    this.node = node
    this.settings = settings
    this.ledger = ledger
    this.carriers = new CarrierCount(settings.node.limits.attachmentsPerSession)
    this.#addresses = new AddressLimit(settings.node.limits.attachmentsPerSecondPerAddress)
  }

  addressOf({ url = '' }: IncomingMessage): Address {
    const isTooLong = url.length > this.settings.node.limits.maxUrlLength
    const mark = url.indexOf('?')
    return { isTooLong, query: new URLSearchParams(isTooLong || mark < 0 ? '' : url.slice(mark + 1)) }
  }

  /** The client's address, as far as the application can tell it. */
  clientOf(request: IncomingMessage): string | undefined {
    const { host, addressOf } = this.settings
    try {
      return addressOf(request)
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

  judgeOrigin(request: IncomingMessage): OriginVerdict {
    return judgeOrigin(request, this.settings.origins)
  }

  /** Why this request is not let in, whatever it says. */
  refusal(request: IncomingMessage, { isTooLong }: Address, origin: OriginVerdict): CloseFrame | null {
    const { host } = this.settings
    if (isTooLong) return { code: codes.tooLarge, reason: 'the URL is too long' }
    if (origin.type === 'refused') return { code: codes.forbidden, reason: 'the origin is not on the list' }
    if (this.#addresses.take(this.clientOf(request), host.now())) return null
    return { code: codes.tooMany, reason: 'too many from this address', retryAfterMs: this.node.pauseMs() }
  }

  /** Asks the application who this is. */
  async principalOf(request: IncomingMessage, auth: unknown): Promise<Principal | CloseFrame> {
    const { host, authenticate, node } = this.settings
    try {
      const asked = authenticate(request, auth)
      const principal = asked instanceof Promise ? await within(asked, node.limits.authenticateTimeoutMs, host) : asked
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
}

export function isPrincipal(value: Principal | CloseFrame): value is Principal {
  return 'id' in value
}

function within<Value>(promise: Promise<Value>, timeoutMs: number, { after }: Settings['host']): Promise<Value> {
  if (timeoutMs === Infinity) return promise
  return new Promise((resolve, reject) => {
    const cancel = after(timeoutMs, () => reject(new Error(`RealtimeServer: authenticate() took more than ${timeoutMs} ms.`)))
    promise.finally(cancel).then(resolve, reject)
  })
}
