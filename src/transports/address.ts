import type { Ask } from '../protocols/protocol.ts'
import type { Call } from './transport.ts'

/** What the protocol asks for right now, as a URL with its headers and subprotocols. */
export function addressOf({ url, protocol, cursor, host, headers, subprotocols }: Call, transport: string) {
  const isSameOrigin = host.baseUrl !== undefined && new URL(host.baseUrl).origin === url.origin
  const ask: Ask = protocol.ask({ transport, cursor: cursor(), isSameOrigin })
  const address = new URL(url)
  for (const [name, value] of Object.entries(ask.query ?? {})) address.searchParams.set(name, value)
  return {
    address,
    headers: { ...ask.headers, ...headers },
    subprotocols: subprotocols.length ? subprotocols : (ask.subprotocols ?? []),
  }
}
