import { deployments, type Fault, type FaultTransport, type Served, type Site } from '../fault.ts'
import { type Listening, servedAt, startFront, strikeAll } from '../front.ts'
import type { Rule } from '../passage.ts'
import { type ProxyManner, proxiedDomain } from '../proxy.ts'
import { startSilentListener } from '../silent-listener.ts'

/** A name that is too long for DNS, so that no resolver queries a server for it. */
const impossibleName = `${'nothing-'.repeat(8)}.invalid`

const common = { group: 'connection', transport: 'websocket' } as const

/** The ways in which a proxy refuses a CONNECT, by the first label of the host name, with the true cause. */
const proxyManners: Readonly<Record<ProxyManner, string>> = {
  '403': 'path.proxy_refused',
  '502': 'path.proxy_refused',
  rst: 'path.proxy_refused',
  '407': 'path.proxy_auth',
  hang: 'net.timeout',
}

const noProxyInWebKit = "WebKitGTK's driver does not come up with a proxy"
const promptInFirefox = 'its prompt for a login makes the clocks of the page stand still, and nobody answers it'

/** Faults before a request can be sent. */
export const connectionFaults: readonly Fault[] = [
  { ...common, name: 'tcp_refused', expected: 'net.refused', start: (site) => refused(site, 'websocket') },
  { ...common, name: 'dns_nxdomain', expected: 'net.dns', start: unresolvable },
  { ...common, name: 'syn_drop', expected: 'net.timeout', start: async (site) => at(site, await startSilentListener(site.ip)) },
  { ...common, name: 'accept_blackhole', expected: 'net.timeout', start: accepting((client) => client.pause()) },
  { ...common, name: 'http_hang_all', expected: 'net.timeout', start: (site) => answeringNever(site, 'websocket') },
  { ...common, name: 'accept_rst', expected: 'net.reset', start: accepting((client) => client.resetAndDestroy()) },
  { ...common, name: 'accept_fin', expected: 'net.reset', start: accepting((client) => client.end()) },
  {
    ...common,
    name: 'request_rst',
    expected: 'net.reset',
    start: (site) => strikeAll(site, 'websocket', (passage) => passage.reset()),
  },
  ...Object.entries(proxyManners).map(([manner, expected]) => ({
    ...common,
    name: `proxy_${manner}`,
    expected,
    notIn: { webkit: noProxyInWebKit, ...(manner === '407' && { firefox: promptInFirefox }) },
    start: (site: Site) => beyondProxy(site, manner),
  })),
  { ...common, name: 'sse_refused', transport: 'sse', expected: 'net.refused', start: (site) => refused(site, 'sse') },
  { ...common, name: 'sse_hang_all', transport: 'sse', expected: 'net.timeout', start: (site) => answeringNever(site, 'sse') },
]

function at(site: Site, listening: Listening): Served {
  return servedAt(site, 'websocket', listening)
}

/** A port on which nothing listens any more, on an address that nothing else uses, or the stopped server of the page itself. */
async function refused(site: Site, transport: FaultTransport): Promise<Served> {
  const { arm: _, ...listening } = await startFront(site, { catches: () => false, strike() {} })
  const close = async () => listening[Symbol.asyncDispose]()
  const isLater = deployments[site.deployment].isSameOrigin
  if (!isLater) await close()
  return { ...servedAt(site, transport, listening), ...(isLater && { arm: close }), async [Symbol.asyncDispose]() {} }
}

async function unresolvable({ backend }: Site): Promise<Served> {
  return {
    url: `http://${impossibleName}:${backend.port}${backend.pathOf('websocket')}`,
    async [Symbol.asyncDispose]() {},
  }
}

/** A host name that only the browser's proxy knows. */
async function beyondProxy({ mode, backend }: Site, manner: string): Promise<Served> {
  return {
    url: `https://${manner}.${mode}.${proxiedDomain}${backend.pathOf('websocket')}`,
    async [Symbol.asyncDispose]() {},
  }
}

/** Handles each accepted connection in this way. */
function accepting(take: (...parameters: Parameters<NonNullable<Rule['accept']>>) => void): Fault['start'] {
  const accept: Rule['accept'] = (client) => {
    take(client)
    return true
  }
  return async (site) => at(site, await startFront(site, { accept, catches: () => true, strike() {} }))
}

/** Reads every request, and answers none. */
function answeringNever(site: Site, transport: FaultTransport): Promise<Served> {
  return strikeAll(site, transport, (passage) => passage.sever())
}
