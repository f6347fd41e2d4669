import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type PageOptions, servePage } from '../support/page-host.ts'
import type { Certificates } from './certificates.ts'
import type { PageKind } from './fault.ts'
import { type Listening, listen } from './front.ts'

const pageIp = '127.0.0.1'
const separateKinds = ['bare', 'csp', 'csp-report'] as const

/** A Content-Security-Policy that allows the script, and connections to these sources. */
function policy(...connectSources: readonly string[]): string {
  return `default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; worker-src 'self'; connect-src ${connectSources.join(' ')}`
}

/** The servers of the pages, by kind. None of them has the origin of an endpoint. */
export type PageServers = Readonly<Record<Exclude<PageKind, 'csp-path'>, Listening>> & AsyncDisposable

export async function startPageServers(script: string, certificates: Certificates): Promise<PageServers> {
  const serving = (kind: PageKind) => (request: IncomingMessage, response: ServerResponse) => {
    if (!servePage({ script, ...restrictions(kind, "'self'") }, request, response)) response.writeHead(404).end()
  }
  const [bare, csp, report] = await Promise.all(separateKinds.map((kind) => listen(createServer(serving(kind)), pageIp)))
  if (!bare || !csp || !report) throw new Error('there are three kinds of page without TLS')
  const pair = await certificates.issue(pageIp)
  const secure = await listen(createSecureServer(pair, serving('secure')), pageIp, 'https')
  return {
    bare,
    csp,
    secure,
    'csp-report': report,
    async [Symbol.asyncDispose]() {
      await Promise.all([bare, csp, report, secure].map((each) => each[Symbol.asyncDispose]()))
    },
  }
}

/** The URL of a page of the endpoint's own origin. */
export function ownPageOf(endpoint: string, kind: PageKind): string {
  return new URL(`/?page=${kind}`, endpoint).href
}

/** Serves a page of the endpoint's own origin, and a service worker for it; returns whether the request was for one of them. */
export function serveOwnPage(script: string, request: IncomingMessage, response: ServerResponse): boolean {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://endpoint.test')
  // Later requests must not use a connection from before the fault.
  response.setHeader('Connection', 'close')
  if (pathname === '/service-worker.js') {
    response.setHeader('Content-Type', 'text/javascript').end(serviceWorker(Number(searchParams.get('status'))))
    return true
  }
  const { host = '' } = request.headers
  const kind = (searchParams.get('page') ?? 'bare') as PageKind
  if (servePage({ script, ...restrictions(kind, "'none'", host) }, request, response)) return true
  response.removeHeader('Connection')
  return false
}

function restrictions(kind: PageKind, allowed: string, host = ''): PageOptions {
  if (kind === 'csp') return { csp: policy(allowed) }
  if (kind === 'csp-report') return { csp: policy(allowed), isReportOnly: true }
  const paths = ['socket', 'events', 'news', 'realtime'].flatMap((path) => [`ws://${host}/${path}`, `http://${host}/${path}`])
  return kind === 'csp-path' ? { csp: policy(...paths) } : {}
}

/** The source of a service worker that answers every request of the page with an offline page. */
function serviceWorker(status: number): string {
  return `addEventListener('install', () => skipWaiting())
addEventListener('activate', (event) => event.waitUntil(clients.claim()))
addEventListener('fetch', (event) => {
  const headers = { 'Content-Type': 'text/html' }
  event.respondWith(new Response('<!doctype html><h1>You are offline</h1>', { status: ${status}, headers }))
})`
}
