import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { listenOnLoopback } from './loopback.ts'

export interface ScriptedRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** By `performance.now()` of this process. */
  readonly at: number
}

export interface ScriptedServer extends AsyncDisposable {
  readonly origin: string
  readonly http: Server
  /** Every request, oldest first. */
  readonly requests: readonly ScriptedRequest[]
  /** The requests that were not POSTs. */
  gets(): readonly ScriptedRequest[]
  posts(): readonly ScriptedRequest[]
  /** How many answers have not ended yet. */
  pending(): number
  close(): Promise<void>
}

/** Answers one request; `n` counts the requests of its method from 1. */
export type Script = (request: ScriptedRequest, response: ServerResponse, n: number) => void

/** An HTTP server whose answers the test writes byte by byte. */
export async function startScripted(script: Script): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = []
  const responses = new Set<ServerResponse>()
  const http = createServer((request, response) => void handle(request, response))
  const port = await listenOnLoopback(http)
  const origin = `http://127.0.0.1:${port}`

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    responses.add(response)
    response.on('close', () => responses.delete(response))
    const { method = '', headers, url = '' } = incoming
    const at = performance.now()
    const body = (await buffer(incoming).catch(() => Buffer.of())).toString()
    const { pathname, searchParams } = new URL(url, origin)
    const request = { method, path: pathname, query: searchParams, headers, body, at }
    requests.push(request)
    script(request, response, requests.filter((each) => each.method === method).length)
  }

  const server: ScriptedServer = {
    origin,
    http,
    requests,
    gets: () => requests.filter(({ method }) => method !== 'POST'),
    posts: () => requests.filter(({ method }) => method === 'POST'),
    pending: () => responses.size,
    async close() {
      http.close()
      http.closeAllConnections()
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
  return server
}

/** Begins an event stream with these chunks and keeps it open. */
export function stream(response: ServerResponse, ...chunks: readonly (string | Buffer)[]): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  response.flushHeaders()
  for (const chunk of chunks) response.write(chunk)
}

/** The pauses between requests, in milliseconds. */
export function pausesOf(requests: readonly ScriptedRequest[]): number[] {
  return requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? 0))
}
