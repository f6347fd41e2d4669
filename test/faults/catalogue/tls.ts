import { connect, createServer, type Socket } from 'node:net'
import { createServer as createSecureServer, type TlsOptions } from 'node:tls'
import { answerOf } from '../answers.ts'
import type { KeyPair } from '../certificates.ts'
import type { Fault, Served, Site } from '../fault.ts'
import { listen, servedAt } from '../front.ts'

const common = { group: 'tls', transport: 'websocket' } as const

/** `handshake_failure`, fatal (RFC 8446 §6). */
const alert = Buffer.from([21, 3, 3, 0, 2, 2, 40])

const untrustedInWebKit = "the lab's authority cannot be made known to WebKitGTK, which would complain of that first"

/** Faults before the first byte of HTTP. */
export const tlsFaults: readonly Fault[] = [
  certified('tls_untrusted', ({ ip, certificates }) => certificates.issue(ip, { by: 'nobody' })),
  certified('tls_expired', ({ ip, certificates }) => certificates.issue(ip, { days: -1 })),
  certified('tls_wronghost', ({ certificates }) => certificates.issue('127.255.0.1')),
  {
    ...common,
    name: 'tls_oldversion',
    expected: 'tls.handshake',
    notIn: { webkit: untrustedInWebKit },
    start: async (site) =>
      overTls(site, {
        ...(await site.certificates.issue(site.ip)),
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      }),
  },
  {
    ...common,
    name: 'tls_clientcert',
    expected: 'tls.handshake',
    notIn: { webkit: untrustedInWebKit },
    start: async (site) =>
      overTls(site, { ...(await site.certificates.issue(site.ip)), requestCert: true, rejectUnauthorized: true }),
  },
  { ...common, name: 'tls_alert', expected: 'tls.handshake', start: atHello((client) => client.end(alert)) },
  { ...common, name: 'tls_rst_hello', expected: 'net.reset', start: atHello((client) => client.resetAndDestroy()) },
  {
    ...common,
    name: 'tls_plainhttp',
    expected: 'tls.handshake',
    // A plain HTTP server's answer to a ClientHello.
    start: atHello((client) => client.end(answerOf(400, '', 'Bad Request'))),
  },
]

/** The working server with a faulty certificate. */
function certified(name: string, issue: (site: Site) => Promise<KeyPair>): Fault {
  return { ...common, name, expected: 'tls.certificate', start: async (site) => overTls(site, await issue(site)) }
}

/** The working server behind TLS. */
async function overTls(site: Site, options: TlsOptions): Promise<Served> {
  const server = createSecureServer(options, (client) => {
    const upstream = connect(site.backend.port, '127.0.0.1')
    upstream.on('error', () => client.destroy())
    client.on('error', () => upstream.destroy())
    client.pipe(upstream).pipe(client)
  })
  server.on('tlsClientError', () => {})
  return servedAt(site, 'websocket', await listen(server, site.ip, 'https'))
}

/** Handles each connection once its ClientHello has arrived. */
function atHello(take: (client: Socket) => void): Fault['start'] {
  return async (site) => {
    const server = createServer((client) => client.once('data', () => take(client)))
    return servedAt(site, 'websocket', await listen(server, site.ip, 'https'))
  }
}
