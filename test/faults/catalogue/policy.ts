import type { Fault, FaultTransport, Served, Site } from '../fault.ts'
import { servedAt, startFront } from '../front.ts'

/** Which no browser connects to: it was X11's. */
const blockedPort = 6000

const common = { group: 'policy', transport: 'websocket' } as const
const sse = { ...common, transport: 'sse' } as const

/** What the browser forbids by itself, so that nothing leaves it. */
export const policyFaults: readonly Fault[] = [
  { ...common, name: 'csp_block', expected: 'policy.csp', page: 'csp', start: (site) => working(site, 'websocket') },
  { ...sse, name: 'csp_block_sse', expected: 'policy.csp', page: 'csp', start: (site) => working(site, 'sse') },
  {
    ...{ ...common, name: 'mixed_content', expected: 'policy.mixed_content', page: 'secure' },
    start: (site) => named('endpoint.test', site, 'websocket'),
  },
  {
    ...{ ...sse, name: 'mixed_content_sse', expected: 'policy.mixed_content', page: 'secure' },
    start: (site) => named('endpoint.test', site, 'sse'),
  },
  {
    ...{ ...common, name: 'bad_port', expected: 'policy.blocked_port' },
    start: (site) => named(site.ip, site, 'websocket', blockedPort),
  },
  {
    ...{ ...sse, name: 'bad_port_sse', expected: 'policy.blocked_port' },
    start: (site) => named(site.ip, site, 'sse', blockedPort),
  },
]

/** Nothing is wrong with it but that the page may not go there. */
async function working(site: Site, transport: FaultTransport): Promise<Served> {
  return servedAt(site, transport, await startFront(site, { catches: () => false, strike() {} }))
}

/** Nobody has to be there. */
async function named(host: string, { backend }: Site, transport: FaultTransport, port = backend.port): Promise<Served> {
  return { url: `http://${host}:${port}${backend.pathOf(transport)}`, async [Symbol.asyncDispose]() {} }
}
