/** The four transports of the reference server's log. Each returns a function that ends it gracefully. */
import type { ServerResponse } from 'node:http'
import type { WebSocket } from 'ws'
import type { LogEntry, MessageLog } from './message-log.ts'
import type { ReferenceServerOptions } from './reference-options.ts'

export interface Feed {
  readonly log: MessageLog
  readonly options: ReferenceServerOptions
  /** The cursor from which this client continues. */
  readonly cursor: number
}

/** nchan's message ids are a date and a number; here the date never changes. */
const DATE = new Date('2026-01-01T00:00:00Z')

/** Reads both forms of the cursor, `12` and `1767225600:12`. */
export function readCursor(text: string | null | undefined): number | undefined {
  const digits = /(\d+)"?$/.exec(text ?? '')?.[1]
  return digits === undefined ? undefined : Number(digits)
}

export function feedWebSocket({ log, options, cursor }: Feed, socket: WebSocket): void {
  const send = (entry: LogEntry) => socket.send(options.rows === 'json' ? rowOf(entry) : entry.data)
  for (const entry of log.after(cursor)) send(entry)
  socket.on('close', log.follow(send))
}

export function feedEventStream({ log, options, cursor }: Feed, response: ServerResponse): () => void {
  const send = ({ id, name, data }: LogEntry) => {
    const lines = data.toString().split(/\r\n|\r|\n/)
    const event = name === undefined ? '' : `event: ${name}\n`
    response.write(`id: ${id}\n${event}${lines.map((line) => `data: ${line}\n`).join('')}\n`)
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store' })
  response.write(': hi\n\n')
  if (options.retryMs !== undefined) response.write(`retry: ${options.retryMs}\n\n`)
  for (const entry of log.after(cursor)) send(entry)
  const unfollow = log.follow(send)
  const comments = setInterval(() => response.write(': still here\n\n'), options.commentEveryMs ?? 15_000)
  response.on('close', () => {
    unfollow()
    clearInterval(comments)
  })
  return () => void response.end()
}

/** Answers with new messages as soon as there are some, or with 204 after `holdMs`. */
export function feedPoll({ log, options, cursor }: Feed, response: ServerResponse, holdMs: number): () => void {
  const answer = () => {
    unfollow()
    clearTimeout(timer)
    const news = log.after(cursor)
    const entries = options.batch ? news : news.slice(0, 1)
    const [first] = entries
    const position = Math.max(cursor, entries.at(-1)?.id ?? 0)
    response.writeHead(first === undefined ? 204 : 200, {
      'Cache-Control': 'no-store',
      ...cursorHeaders(options, position),
      ...(first === undefined ? {} : { 'Content-Type': contentType(options, first) }),
    })
    const bodies = entries.map((entry) => (options.rows === 'json' ? rowOf(entry) : entry.data))
    response.end(options.batch ? bodies.map((body) => `${body}\n`).join('') : bodies[0])
  }
  const unfollow = log.follow(answer)
  const timer = setTimeout(answer, holdMs)
  response.on('close', () => {
    unfollow()
    clearTimeout(timer)
  })
  if (holdMs === 0 || log.after(cursor).length > 0) answer()
  return () => {
    response.shouldKeepAlive = false
    if (!response.headersSent) answer()
  }
}

function cursorHeaders({ cursorStyle }: ReferenceServerOptions, cursor: number): Record<string, string> {
  if (cursorStyle === 'header') return { 'X-Cursor': String(cursor) }
  return { 'Last-Modified': DATE.toUTCString(), ETag: String(cursor) }
}

function contentType({ batch, rows }: ReferenceServerOptions, { data }: LogEntry): string {
  if (batch) return 'application/x-ndjson'
  if (rows === 'json') return 'application/json'
  return typeof data === 'string' ? 'text/plain; charset=utf-8' : 'application/octet-stream'
}

function rowOf({ id, name, data }: LogEntry): string {
  return JSON.stringify({ id, name, data: data.toString() })
}
