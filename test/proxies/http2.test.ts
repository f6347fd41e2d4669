import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type * as Steadfast from '../../src/everything.ts'
import { isEquippedWith, want } from '../support/equipment.ts'
import { freePort } from '../support/loopback.ts'
import { SCRIPT } from '../support/page-client.ts'
import { startProxy } from '../support/proxies.ts'
import { aimed, recommended } from '../support/proxy-settings.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { useChromium } from '../support/use-chromium.ts'

/** The configurations of docs/DEPLOYMENT.md with TLS and HTTP/2, and the built script-tag file in a real browser. */
let browser: Browser
let folder: string

useChromium((started) => {
  browser = started
})
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'proxies-tls-'))
  if (!(await isEquippedWith('openssl'))) return
  const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')]
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', [...request, ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  writeFileSync(join(folder, 'both'), readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'))
})
beforeEach((context) => want(context, 'openssl'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The recommended lines with a second listener, for TLS and HTTP/2. */
const encrypted = {
  nginx: (lines: string, port: number) =>
    lines.replace(
      'listen 80;',
      `listen 80; listen 127.0.0.1:${port} ssl http2; ssl_certificate ${folder}/certificate; ssl_certificate_key ${folder}/key;`,
    ),
  haproxy: (lines: string, port: number) =>
    lines
      .replace('bind :80', `bind :80\n  bind 127.0.0.1:${port} ssl crt ${folder}/both alpn h2,http/1.1`)
      .replace('X-Forwarded-Proto http', 'X-Forwarded-Proto https'),
  apache: (lines: string, port: number) => {
    const host = lines.slice(lines.indexOf('<VirtualHost'))
    const tls = `SSLEngine on\nSSLCertificateFile ${folder}/certificate\nSSLCertificateKeyFile ${folder}/key\nProtocols h2 http/1.1`
    return `${lines}\nListen 127.0.0.1:${port}\n${host.replace('<VirtualHost *:80>', `<VirtualHost *:${port}>\n${tls}`)}`
  },
  caddy: (lines: string, port: number) =>
    `${lines}\n${lines.replace(':80 {', `https://127.0.0.1:${port} {\n  tls ${folder}/certificate ${folder}/key`)}`,
} as const

describe.each(Object.keys(encrypted) as (keyof typeof encrypted)[])('%s', (name) => {
  beforeEach((context) => want(context, name))

  it('carries sessions over HTTP/2', async () => {
    const errors: unknown[] = []
    await using servers = await RealtimeServers.start({
      options: {
        trustProxy: 'loopback',
        onError: (error) => errors.push(error),
        onMessage: (session, { data }) => session.send(data),
      },
    })
    const port = await freePort()
    const lines = encrypted[name](aimed(recommended(name), servers.ports[0] ?? 0, 60_000), port)
    await using _ = await startProxy(name, lines)
    const origin = `https://127.0.0.1:${port}`
    // A browser uses HTTP/2 for WebSockets where the proxy offers extended CONNECT, and HTTP/1.1 elsewhere.
    expect(await offersConnect(origin)).toBe(name === 'haproxy')

    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    const page = await context.newPage()
    // Any document of this origin will do: here the response to a request that no client would make.
    await page.goto(`${origin}/realtime`)
    await page.addScriptTag({ path: SCRIPT })
    for (const type of ['websocket', 'sse', 'long-poll', 'poll'] as const) expect(await echoInPage(page, type)).toEqual(['hello'])
    // Over HTTP/1.1 six streams would take all connections of the browser to an origin.
    const many = Array.from({ length: 8 }, () => echoInPage(page, 'sse'))
    expect(await Promise.all(many)).toEqual(many.map(() => ['hello']))
    const spoken = await page.evaluate(() =>
      (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
        .filter(({ initiatorType }) => initiatorType === 'fetch')
        .map(({ nextHopProtocol }) => nextHopProtocol),
    )
    expect(new Set(spoken)).toEqual(new Set(['h2']))
    expect(errors).toEqual([])
    await context.close()
  })
})

/** Resolves with the first message or error of a client, and leaves the client open. */
function echoInPage(page: Page, type: 'websocket' | 'sse' | 'long-poll' | 'poll'): Promise<unknown[]> {
  return page.evaluate(async (transport) => {
    const { RealtimeClient, session } = (globalThis as unknown as { Steadfast: typeof Steadfast }).Steadfast
    const chosen = transport === 'poll' ? { type: transport, intervalMs: 100 } : transport
    const client = new RealtimeClient('/realtime', { protocol: session(), transports: [chosen] })
    client.send('hello')
    return new Promise<unknown[]>((resolve) => {
      client.on('message', ({ data }) => resolve([data]))
      client.on('error', ({ diagnosis }) => resolve([diagnosis.message]))
    })
  }, type)
}

/** Whether the server offers WebSockets over HTTP/2 (RFC 8441). */
async function offersConnect(origin: string): Promise<boolean> {
  const session = connect(origin, { rejectUnauthorized: false })
  try {
    return await new Promise<boolean>((resolve, reject) => {
      session.on('remoteSettings', ({ enableConnectProtocol }) => resolve(enableConnectProtocol === true))
      session.on('error', reject)
    })
  } finally {
    session.destroy()
  }
}
