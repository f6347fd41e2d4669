import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { linesOf } from '../../src/server/adapters/body-lines.ts'
import { listenOnLoopback } from './loopback.ts'

export interface MeddledRequest {
  /** The whole body. */
  readonly body: string
  /** The number of the POST, from 1. */
  readonly n: number
  /** Whether it only sends, according to its hello. */
  readonly isSend: boolean
}

/** What happens to a request: it is forwarded, never answered, its answer is cut off, or the proxy answers it itself. */
export type Meddling = 'pass' | 'hang' | 'cut' | { readonly status: number; readonly type?: string; readonly body?: string }

export interface Meddler extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly MeddledRequest[]
}

/** An HTTP proxy that reads requests, as a web application firewall does, and treats each as the test decides. */
export async function startMeddler(port: number, meddle: (request: MeddledRequest) => Meddling): Promise<Meddler> {
  const requests: MeddledRequest[] = []
  const http = createServer((incoming, response) => void handle(incoming, response))
  const url = `http://127.0.0.1:${await listenOnLoopback(http)}/realtime`

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {})
    const bytes = await buffer(incoming).catch(() => null)
    if (!bytes) return
    const body = bytes.toString()
    const isPost = incoming.method === 'POST'
    const request = { body, n: requests.length + (isPost ? 1 : 0), isSend: linesOf(body)?.[0]?.includes('"send":true') === true }
    if (isPost) requests.push(request)
    const meddling = isPost ? meddle(request) : 'pass'
    if (meddling === 'hang') return
    if (typeof meddling === 'object') {
      const { status, type = 'text/html', body: page = '<h1>Request rejected</h1>' } = meddling
      response.writeHead(status, { 'Content-Type': type }).end(page)
      return
    }
    const { method = 'GET', url: path = '/', headers } = incoming
    const onward = forward({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      response.flushHeaders()
      if (meddling === 'cut') answer.once('data', () => response.destroy())
      else answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    onward.end(bytes)
  }

  return {
    url,
    requests,
    async [Symbol.asyncDispose]() {
      http.close()
      http.closeAllConnections()
    },
  }
}
