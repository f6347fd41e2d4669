import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { stopListening } from '../support/loopback.ts'
import { deployments, type FaultTransport, type Served, type Site } from './fault.ts'
import { Passage, type Rule } from './passage.ts'
import { isAttaching } from './request.ts'

/** A server that listens on an address of its own. */
export interface Listening extends AsyncDisposable {
  readonly port: number
  /** The origin, without a trailing slash. */
  readonly origin: string
  /** Ends the open connections, and keeps listening. */
  disconnect?(): void
  /** See `Served`. */
  arm?(): Promise<void>
}

/** Listens on this address; its disposal destroys all connections. */
export async function listen(server: Server, ip: string, scheme: 'http' | 'https' = 'http', port = 0): Promise<Listening> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })
  server.listen(port, ip)
  await once(server, 'listening')
  const { port: chosen } = server.address() as AddressInfo
  return {
    port: chosen,
    origin: `${scheme}://${ip}:${chosen}`,
    disconnect() {
      for (const socket of sockets) socket.destroy()
    },
    async [Symbol.asyncDispose]() {
      await stopListening(server)
      for (const socket of sockets) socket.destroy()
    },
  }
}

/**
 * A front that applies the fault to the requests that the rule selects, and passes all others to the server. If it serves the
 * page too, it passes everything until the page has been loaded.
 */
export async function startFront({ ip, backend, deployment }: Site, rule: Rule): Promise<Listening> {
  const { isSameOrigin } = deployments[deployment]
  let isArmed = !isSameOrigin
  const armed: Rule = { ...rule, catches: (request) => isArmed && rule.catches(request) }
  const passages = createServer({ allowHalfOpen: true, noDelay: true }, (client: Socket) => {
    if (!isArmed || !rule.accept?.(client)) new Passage(client, (isArmed && rule.port) || backend.port, armed)
  })
  const listening = await listen(passages, ip)
  const arm = async () => {
    isArmed = true
    // Otherwise the next requests would use the connections over which the page was loaded.
    listening.disconnect?.()
  }
  return { ...listening, ...(isSameOrigin && { arm }) }
}

/** The endpoint of a transport behind this front. */
export function servedAt({ backend }: Site, transport: FaultTransport, listening: Listening): Served {
  return {
    url: listening.origin + backend.pathOf(transport),
    ...(listening.arm && { arm: listening.arm }),
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  }
}

/** Applies a fault to the dials of the transport only. */
export async function strikeAttaching(site: Site, transport: FaultTransport, strike: Rule['strike']): Promise<Served> {
  const catches: Rule['catches'] = (request) => isAttaching(request, transport, site.mode)
  return servedAt(site, transport, await startFront(site, { catches, strike }))
}

/** Applies a fault to every request. */
export async function strikeAll(site: Site, transport: FaultTransport, strike: Rule['strike']): Promise<Served> {
  return servedAt(site, transport, await startFront(site, { catches: () => true, strike }))
}
