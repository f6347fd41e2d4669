import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { basename } from 'node:path'
import { listenOnLoopback } from './loopback.ts'

export interface PageOptions {
  /** The path of the built file, loaded by a script tag; without it the page is blank. Its source map is served too. */
  readonly script?: string | undefined
  /** A Content-Security-Policy header; `true`: the strictest one under which a realtime client can work. */
  readonly csp?: string | true | undefined
  /** Whether the policy forbids nothing and only reports what it would forbid. */
  readonly isReportOnly?: boolean
}

/** Same-origin scripts and connections only; no inline scripts, no `eval`, and Trusted Types for script URLs. */
export const STRICT_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

/** A blank page that loads the script at this URL, for servers that serve it from a file. */
export function blankPage(scriptUrl?: string): string {
  const tag = scriptUrl === undefined ? '' : `<script src="${scriptUrl}"></script>`
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>blank</title>${tag}</head><body></body></html>\n`
}

/** Answers requests for the page and its files; returns whether this was one. */
export function servePage(
  { script, csp, isReportOnly }: PageOptions,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const path = request.url?.split('?')[0] ?? '/'
  const name = script === undefined ? undefined : basename(script)
  if (path === '/') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    if (csp !== undefined)
      response.setHeader(`Content-Security-Policy${isReportOnly ? '-Report-Only' : ''}`, csp === true ? STRICT_CSP : csp)
    response.end(blankPage(name && `/${name}`))
  } else if (path === '/favicon.ico') {
    response.writeHead(204).end()
  } else if (script !== undefined && (path === `/${name}` || path === `/${name}.map`)) {
    serveFile(path.endsWith('.map') ? `${script}.map` : script, response)
  } else {
    return false
  }
  return true
}

/** A server of one page only, so that every realtime server has another origin than the page. */
export async function startPageServer(options: PageOptions = {}): Promise<{ readonly origin: string; close(): void }> {
  const server = createServer((request, response) => {
    if (!servePage(options, request, response)) response.writeHead(404).end()
  })
  const port = await listenOnLoopback(server)
  return {
    origin: `http://127.0.0.1:${port}`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function serveFile(path: string, response: ServerResponse): void {
  const type = path.endsWith('.map') ? 'application/json' : 'text/javascript; charset=utf-8'
  readFile(path).then(
    (content) => response.setHeader('Content-Type', type).end(content),
    () => response.writeHead(404).end(),
  )
}
