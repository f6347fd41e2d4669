import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { stopListening } from '../support/loopback.ts'
import { deployments, type FaultTransport, type Served, type Site } from './fault.ts'
import { Passage, type Rule } from './passage.ts'
import { isAttaching } from './request.ts'

/** Something that listens on an address of its own. */
export interface Listening extends AsyncDisposable {
  readonly port: number
  /** Without a slash at its end. */
  readonly origin: string
  /** Ends the connections that there are, and listens on. */
  disconnect?(): void
  /** See `Served`. */
  arm?(): Promise<void>
}

/** Listens there, and forgets no connection when it ends. */
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
 * A front that strikes what the rule says and passes everything else to the server. Where the page is of its origin, it passes
 * everything until the page has been loaded.
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
    // Connections that the page was loaded over would carry the next requests too.
    listening.disconnect?.()
  }
  return { ...listening, ...(isSameOrigin && { arm }) }
}

/** The URL of a transport's endpoint there. */
export function servedAt({ backend }: Site, transport: FaultTransport, listening: Listening): Served {
  return {
    url: listening.origin + backend.pathOf(transport),
    ...(listening.arm && { arm: listening.arm }),
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  }
}

/** Strikes only what the transport connects by. */
export async function strikeAttaching(site: Site, transport: FaultTransport, strike: Rule['strike']): Promise<Served> {
  const catches: Rule['catches'] = (request) => isAttaching(request, transport, site.mode)
  return servedAt(site, transport, await startFront(site, { catches, strike }))
}

/** Strikes every request, whatever it asks for. */
export async function strikeAll(site: Site, transport: FaultTransport, strike: Rule['strike']): Promise<Served> {
  return servedAt(site, transport, await startFront(site, { catches: () => true, strike }))
}
