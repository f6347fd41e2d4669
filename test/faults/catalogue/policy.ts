import type { Fault, FaultTransport, Served, Site } from '../fault.ts'
import { servedAt, startFront } from '../front.ts'

/** A port that browsers block, since X11 used it. */
const blockedPort = 6000

const common = { group: 'policy', transport: 'websocket' } as const
const sse = { ...common, transport: 'sse' } as const

/** Connections that the browser itself blocks, so that nothing is sent. */
export const policyFaults: readonly Fault[] = [
  { ...common, name: 'csp_block', expected: 'policy.csp', page: 'csp', start: (site) => working(site, 'websocket') },
  { ...sse, name: 'csp_block_sse', expected: 'policy.csp', page: 'csp', start: (site) => working(site, 'sse') },
  {
    ...common,
    name: 'mixed_content',
    expected: 'policy.mixed_content',
    page: 'secure',
    start: (site) => named('endpoint.test', site, 'websocket'),
  },
  {
    ...sse,
    name: 'mixed_content_sse',
    expected: 'policy.mixed_content',
    page: 'secure',
    start: (site) => named('endpoint.test', site, 'sse'),
  },
  {
    ...common,
    name: 'bad_port',
    expected: 'policy.blocked_port',
    start: (site) => named(site.ip, site, 'websocket', blockedPort),
  },
  {
    ...sse,
    name: 'bad_port_sse',
    expected: 'policy.blocked_port',
    start: (site) => named(site.ip, site, 'sse', blockedPort),
  },
]

/** A working server that the page may not connect to. */
async function working(site: Site, transport: FaultTransport): Promise<Served> {
  return servedAt(site, transport, await startFront(site, { catches: () => false, strike() {} }))
}

/** A URL with this host, where nothing needs to listen. */
async function named(host: string, { backend }: Site, transport: FaultTransport, port = backend.port): Promise<Served> {
  return { url: `http://${host}:${port}${backend.pathOf(transport)}`, async [Symbol.asyncDispose]() {} }
}
