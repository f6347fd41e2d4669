import type { IncomingMessage, ServerResponse } from 'node:http'
import { prometheusText } from '../server/metrics/metric-families.ts'
import type { RealtimeServer } from '../server/server.ts'

/** Answers `GET /health` and `GET /metrics`. */
export function answerAdmin(
  realtime: Pick<RealtimeServer, 'health' | 'metrics'>,
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
): void {
  const [path] = url.split('?')
  const isRead = method === 'GET' || method === 'HEAD'
  if (isRead && path === '/health') {
    const { status } = realtime.health()
    response.writeHead(status === 'ok' ? 200 : 503, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    response.end(`${JSON.stringify({ status })}\n`)
  } else if (isRead && path === '/metrics') {
    response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8', 'Cache-Control': 'no-store' })
    response.end(prometheusText(realtime.metrics()))
  } else {
    response.writeHead(isRead ? 404 : 405, { 'Content-Type': 'text/plain' })
    response.end('There are GET /health and GET /metrics.\n')
  }
}
