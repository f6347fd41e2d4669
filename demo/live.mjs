/**
 * The feed in plain mode: over four transports at one URL. Nothing here depends on the client:
 *
 * - a WebSocket upgrade gets one frame per message, and sends chat messages as frames;
 * - `GET` with `Accept: text/event-stream` gets an event stream, each event with its `id`;
 * - `GET` is held until there is something new and answered as NDJSON, with the cursor in `ETag` (long-poll);
 * - `GET` with `?mode=poll` is the same, answered at once;
 * - `POST` is a chat message.
 *
 * All of them take the cursor as `?last_event_id=`, the event stream also as the `Last-Event-ID` header.
 */
import { WebSocketServer } from 'ws'
import { say } from './chat.mjs'

const holdMs = 15_000
const maxWaitingBytes = 1024 * 1024
const maxPostBytes = 4096

export function createLive(feed, harm) {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxPostBytes })
  const visitors = new WeakMap()
  /** Visitors whose next request is refused, since their connection was ended for good. */
  const over = new Set()

  function upgrade(request, socket, head, query) {
    const visitor = query.get('visitor') ?? ''
    if (!harm.admits(visitor, request, socket, (...stripped) => answer(...stripped, query))) return
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      harm.watchSocket(visitor, socket)
      visitors.set(webSocket, visitor)
      webSocket.on('error', () => {})
      webSocket.on('message', (data) => say(feed, String(data)))
      const stop = feed.follow(feed.cursorFrom(query.get('last_event_id')), ({ text }) => {
        webSocket.send(text)
        // A client that does not read is disconnected, and resumes from its cursor when it returns.
        if (webSocket.bufferedAmount > maxWaitingBytes) webSocket.terminate()
      })
      webSocket.once('close', stop)
    })
  }

  function answer(request, response, query) {
    const transport = transportOf(request, query)
    const visitor = query.get('visitor') ?? ''
    if (harm.stops(visitor, transport, request, response)) return
    harm.watchAnswer(visitor, transport, request, response)
    response.setHeader('Cache-Control', 'no-store')
    const cursor = feed.cursorFrom(request.headers['last-event-id'] ?? query.get('last_event_id'))
    if (request.method === 'POST') receive(request, response)
    else if (request.method !== 'GET') response.writeHead(405, { Allow: 'GET, POST' }).end()
    else if (over.delete(visitor)) response.writeHead(402).end()
    else if (transport === 'sse') stream(response, cursor)
    else if (transport === 'poll' || feed.last > cursor) answerWith(response, cursor)
    else hold(response, cursor)
  }

  function stream(response, cursor) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' })
    // Some proxies and browsers hold the head of an answer back until the first byte of its body.
    response.write(': welcome\n\n')
    const stop = feed.follow(cursor, ({ id, text }) => {
      response.write(`id: ${id}\ndata: ${text}\n\n`)
      if (response.writableLength > maxWaitingBytes) response.destroy()
    })
    response.once('close', stop)
  }

  function answerWith(response, cursor) {
    const entries = feed.after(cursor)
    response.setHeader('ETag', `"${feed.last}"`)
    if (entries.length === 0) response.writeHead(204).end()
    else response.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).end(entries.map(({ text }) => `${text}\n`).join(''))
  }

  function hold(response, cursor) {
    const finish = () => response.headersSent || answerWith(response, cursor)
    const timer = setTimeout(finish, holdMs)
    const stop = feed.listen(finish)
    response.once('close', () => {
      clearTimeout(timer)
      stop()
    })
  }

  async function receive(request, response) {
    let body = ''
    try {
      for await (const chunk of request.setEncoding('utf8')) {
        body += chunk
        if (body.length > maxPostBytes) return response.writeHead(413, { Connection: 'close' }).end()
      }
    } catch {
      // The visitor closed the connection during the request, so there is nothing to answer.
      return
    }
    response.writeHead(say(feed, body) ? 202 : 400).end()
  }

  /** Ends a visitor's connection for good: a WebSocket by a close code, others by the status of the next request. */
  function end(visitor, code, reason) {
    const open = [...sockets.clients].filter((each) => visitors.get(each) === visitor && each.readyState === each.OPEN)
    for (const webSocket of open) webSocket.close(code, reason)
    if (open.length > 0) return
    over.add(visitor)
    harm.strike(visitor)
  }

  return { upgrade, answer, end }
}

/** The transport of a request. Those answered at once count as polls: chat messages, and requests without a cursor. */
function transportOf({ method, headers }, query) {
  if (method !== 'GET') return 'poll'
  if (headers.accept?.includes('text/event-stream')) return 'sse'
  return query.get('mode') === 'poll' || !query.has('last_event_id') ? 'poll' : 'long-poll'
}
