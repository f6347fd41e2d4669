/**
 * A program: what a server does with nothing but `ws` and `node:http`. What is asked for is in the path and in the query.
 *
 * - `/flood`: sends `messages` of `bytes` bytes (`form`: `text` or `binary`) over a WebSocket, one to a frame, as fast as the socket takes them
 * - `/echo`: sends back what comes
 * - `/sink`: says `done` when so many `messages` have come
 * - `/hold`: takes part in what `broadcast` sends
 * - `/events`: the flood as an event stream, an event for each message
 * - `/poll`: the flood as bodies of lines, as much as there is behind `after` but no more than fits
 *
 * With an argument, every WebSocket is pinged in so many milliseconds, each at its own time.
 * Chunks are made beforehand, so that the sender is never what is waited for.
 */
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { answerParent } from './processes.mjs'

const chunkBytes = 65_536
const bodyBytes = 262_144
const readable = { 'access-control-allow-origin': '*', 'cache-control': 'no-store' }

/** @param {string | undefined} url */
function asked(url) {
  const { pathname, searchParams } = new URL(url ?? '/', 'http://localhost')
  /** @param {string} name */
  const number = (name) => Number(searchParams.get(name))
  return {
    pathname,
    messages: number('messages'),
    bytes: number('bytes'),
    after: number('after'),
    form: searchParams.get('form'),
  }
}

/**
 * A frame as it is on the wire (RFC 6455 §5.2).
 * @param {number} bytes
 * @param {string | null} form
 */
function frameOf(bytes, form) {
  const first = form === 'binary' ? 0x82 : 0x81
  const head = bytes < 126 ? Buffer.from([first, bytes]) : Buffer.from([first, 127, 0, 0, 0, 0, 0, 0, 0, 0])
  if (bytes >= 126) head.writeUInt32BE(bytes, 6)
  return Buffer.concat([head, Buffer.alloc(bytes, 'x')])
}

/**
 * Writes the same piece again and again, as fast as it is taken.
 * @param {import('node:stream').Writable} stream
 * @param {Buffer} piece
 * @param {number} count
 */
function pour(stream, piece, count) {
  const inChunk = Math.max(1, Math.floor(chunkBytes / piece.length))
  const chunk = Buffer.concat(Array.from({ length: inChunk }, () => piece))
  let left = count
  const pump = () => {
    while (left > 0) {
      const now = Math.min(left, inChunk)
      left -= now
      if (!stream.write(now === inChunk ? chunk : chunk.subarray(0, now * piece.length))) {
        stream.once('drain', pump)
        return
      }
    }
  }
  pump()
}

const server = createServer((request, response) => {
  const { pathname, messages, bytes, after } = asked(request.url)
  const text = 'x'.repeat(bytes)
  if (pathname === '/events') {
    response.writeHead(200, { ...readable, 'content-type': 'text/event-stream' })
    pour(response, Buffer.from(`data: ${text}\n\n`), messages)
  } else if (pathname === '/poll') {
    const count = Math.min(messages - after, Math.floor(bodyBytes / bytes))
    const body = Buffer.from(Array.from({ length: count }, () => text).join('\n'))
    response.writeHead(200, { ...readable, 'content-type': 'text/plain', 'content-length': body.length }).end(body)
  } else response.writeHead(404, readable).end()
})
const pingMs = Number(process.argv[2] ?? 0)
const webSockets = new WebSocketServer({ server, perMessageDeflate: false })
webSockets.on('connection', (webSocket, { url, socket }) => {
  webSocket.on('error', () => {})
  if (pingMs > 0) {
    const pings = setInterval(() => webSocket.ping(), pingMs)
    webSocket.on('close', () => clearInterval(pings))
  }
  const { pathname, messages, bytes, form } = asked(url)
  if (pathname === '/flood') pour(socket, frameOf(bytes, form), messages)
  if (pathname === '/echo') webSocket.on('message', (data, isBinary) => webSocket.send(data, { binary: isBinary }))
  if (pathname === '/sink') {
    let left = messages
    webSocket.on('message', () => {
      left -= 1
      if (left === 0) webSocket.send('done')
    })
  }
})

await answerParent(server, {
  /** The bare loop. */
  async broadcast({ messages, bytes, everyMs }) {
    const text = 'x'.repeat(Number(bytes))
    for (let sent = 0; sent < Number(messages); sent += 1) {
      for (const webSocket of webSockets.clients) webSocket.send(text)
      await sleep(Number(everyMs))
    }
    return {}
  },
})
