import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { servePage } from '../support/page-host.ts'
import type { Certificates } from './certificates.ts'
import type { PageKind } from './fault.ts'
import { type Listening, listen } from './front.ts'

const pageIp = '127.0.0.1'
/** The script, and nothing to connect to but where the page is from. */
const csp = "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; connect-src 'self'"

/** Where the pages come from, by kind. None of them is any endpoint's origin. */
export type PageServers = Readonly<Record<PageKind, Listening>> & AsyncDisposable

export async function startPageServers(script: string, certificates: Certificates): Promise<PageServers> {
  const pair = await certificates.issue(pageIp)
  const bare = await listen(
    createServer((request, response) => servePage({ script }, request, response) || response.writeHead(404).end()),
    pageIp,
  )
  const restricted = await listen(
    createServer((request, response) => servePage({ script, csp }, request, response) || response.writeHead(404).end()),
    pageIp,
  )
  const secure = await listen(
    createSecureServer(pair, (request, response) => servePage({ script }, request, response) || response.writeHead(404).end()),
    pageIp,
    'https',
  )
  return {
    ...{ bare, csp: restricted, secure },
    async [Symbol.asyncDispose]() {
      await Promise.all([bare, restricted, secure].map((each) => each[Symbol.asyncDispose]()))
    },
  }
}
