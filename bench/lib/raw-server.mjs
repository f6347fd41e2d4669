/**
 * A program: a server with `ws` and `node:http` only. The path and the query select what it does.
 *
 * - `/flood`: sends `messages` of `bytes` bytes over a WebSocket as fast as the socket accepts them (`form`: `text` or
 *   `binary`, one per frame, or `batches`, as many in a JSON array as fit into 64 KiB)
 * - `/echo`: echoes
 * - `/sink`: reports how many of the `messages` have arrived, every thousand (`form`: `batches` for JSON arrays)
 * - `/hold`: receives the messages of `broadcast`
 * - `/events`: the flood as an event stream, one event per message
 * - `/poll`: the flood as bodies of lines, from `after` on, as many as fit
 *
 * With an argument, every WebSocket is pinged at this interval in milliseconds, each at a time of its own.
 * Chunks are created in advance, so that the sender is never the bottleneck.
 */
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { answerParent } from './processes.mjs'
import { textOf } from './texts.mjs'

const chunkBytes = 65_536
/** How many messages are acknowledged at a time. */
const acknowledgeEvery = 1_000
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
 * The bytes of a frame (RFC 6455 §5.2).
 * @param {Buffer} payload
 * @param {boolean} isBinary
 */
function frameOf(payload, isBinary) {
  const { length } = payload
  const first = isBinary ? 0x82 : 0x81
  if (length < 126) return Buffer.concat([Buffer.from([first, length]), payload])
  const head = Buffer.alloc(length < 65_536 ? 4 : 10)
  head.writeUInt16BE((first << 8) | (length < 65_536 ? 126 : 127), 0)
  if (length < 65_536) head.writeUInt16BE(length, 2)
  else head.writeUInt32BE(length, 6)
  return Buffer.concat([head, payload])
}

/** How many texts of this length fit into a chunk as JSON. @param {number} bytes */
const inBatch = (bytes) => Math.floor((chunkBytes - 16) / (bytes + 3))

/**
 * All frames, events or lines of a flood.
 * @param {string} form
 * @param {number} messages
 * @param {number} bytes
 * @returns {Buffer[]}
 */
function piecesOf(form, messages, bytes) {
  if (form === 'binary') return new Array(messages).fill(frameOf(Buffer.alloc(bytes, 'x'), true))
  const texts = Array.from({ length: messages }, (_, index) => textOf(index, bytes))
  if (form === 'events') return texts.map((text) => Buffer.from(`data: ${text}\n\n`))
  if (form === 'text') return texts.map((text) => frameOf(Buffer.from(text), false))
  const count = inBatch(bytes)
  const batches = Array.from({ length: Math.ceil(messages / count) }, (_, index) =>
    texts.slice(index * count, (index + 1) * count),
  )
  return batches.map((batch) => frameOf(Buffer.from(JSON.stringify(batch)), false))
}

/** @type {Map<string, Buffer[]>} */
const floods = new Map()

/**
 * The same in chunks, which are cached.
 * @param {string} form
 * @param {number} messages
 * @param {number} bytes
 */
function chunksOf(form, messages, bytes) {
  const key = `${form} ${messages} ${bytes}`
  const known = floods.get(key)
  if (known) return known
  const pieces = piecesOf(form, messages, bytes)
  const inChunk = Math.max(1, Math.floor(chunkBytes / (pieces[0]?.length ?? 1)))
  const chunks = []
  for (let from = 0; from < pieces.length; from += inChunk) chunks.push(Buffer.concat(pieces.slice(from, from + inChunk)))
  floods.set(key, chunks)
  return chunks
}

/**
 * Writes the chunks as fast as the stream accepts them.
 * @param {import('node:stream').Writable} stream
 * @param {readonly Buffer[]} chunks
 */
function pour(stream, chunks) {
  let next = 0
  const pump = () => {
    for (let chunk = chunks[next]; chunk !== undefined; chunk = chunks[next]) {
      next += 1
      if (stream.write(chunk)) continue
      stream.once('drain', pump)
      return
    }
  }
  pump()
}

const server = createServer((request, response) => {
  const { pathname, messages, bytes, after } = asked(request.url)
  if (pathname === '/events') {
    response.writeHead(200, { ...readable, 'content-type': 'text/event-stream' })
    pour(response, chunksOf('events', messages, bytes))
  } else if (pathname === '/poll') {
    const count = Math.min(messages - after, Math.floor(bodyBytes / bytes))
    const body = Buffer.from(Array.from({ length: count }, (_, index) => textOf(after + index, bytes)).join('\n'))
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
  if (pathname === '/flood') pour(socket, chunksOf(form ?? 'text', messages, bytes))
  if (pathname === '/echo') webSocket.on('message', (data, isBinary) => webSocket.send(data, { binary: isBinary }))
  if (pathname === '/sink') {
    let came = 0
    webSocket.on('message', (data) => {
      const before = came
      came += form === 'batches' ? JSON.parse(String(data)).length : 1
      // Reports the count every `acknowledgeEvery` messages and at the end.
      if (came === messages || Math.floor(before / acknowledgeEvery) < Math.floor(came / acknowledgeEvery))
        webSocket.send(String(came))
    })
  }
})

await answerParent(server, {
  /** Sends to all WebSockets in a bare loop. */
  async broadcast({ messages, bytes, everyMs }) {
    for (let sent = 0; sent < Number(messages); sent += 1) {
      const text = textOf(sent, Number(bytes))
      for (const webSocket of webSockets.clients) webSocket.send(text)
      await sleep(Number(everyMs))
    }
    return {}
  },
})
