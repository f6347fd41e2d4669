import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { pipeline } from 'node:stream'

/** Hop-by-hop headers. */
const ofConnection = ['connection', 'keep-alive', 'transfer-encoding']

/**
 * A load balancer without affinity: each request and each WebSocket goes to the next node that listens, so that consecutive requests
 * of one session go to different nodes. It records for each visitor which node carries the connection now.
 */
export class RoundRobin {
  #nodes
  #next = 0
  #carriers = new Map()

  constructor(nodes) {
    this.#nodes = nodes
  }

  /** The node that carries this visitor's connection, if there is one. */
  carrierOf(visitor) {
    const { node, life } = this.#carriers.get(visitor) ?? {}
    return node?.state === 'alive' && node.life === life ? node : undefined
  }

  async handleRequest(request, response, visitor) {
    const { node, socket } = await this.#dial()
    if (!node) return answerBadGateway(response)
    if (response.destroyed) return socket.destroy()
    const { method, url: path, headers } = request
    const forwarded = httpRequest({ createConnection: () => socket, method, path, headers: { ...headers, connection: 'close' } })
    forwarded.once('error', () => response.destroy())
    forwarded.once('response', (answer) => {
      const isCarrier = /^text\/event-stream/.test(answer.headers['content-type'])
      const lasts = isCarrier && answer.headers['content-length'] === undefined
      if (isCarrier) this.#note(visitor, node, lasts ? response : undefined)
      response.writeHead(answer.statusCode, headersOf(answer))
      pipeline(answer, response, () => {})
    })
    response.once('close', () => forwarded.destroy())
    request.pipe(forwarded)
  }

  async handleUpgrade(request, socket, head, visitor) {
    const { node, socket: server } = await this.#dial()
    if (!node) return socket.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    if (socket.destroyed) return server.destroy()
    server.on('error', () => {}) // 'close' follows
    server.once('close', () => socket.destroySoon())
    socket.once('close', () => server.destroy())
    server.once('data', (answer) => {
      if (answer.toString('latin1', 0, 12) === 'HTTP/1.1 101') this.#note(visitor, node, socket)
    })
    const fields = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    server.write(`GET ${request.url} HTTP/1.1\r\n${fields.join('')}\r\n`, 'latin1')
    server.write(head)
    server.pipe(socket)
    socket.pipe(server)
  }

  /** Connects to the next node that listens; resolves with an empty object if none does. */
  async #dial() {
    const first = this.#next
    this.#next += 1
    for (let i = 0; i < this.#nodes.length; i++) {
      const node = this.#nodes[(first + i) % this.#nodes.length]
      const socket = node.port === null ? null : await connected(node.port)
      if (socket) return { node, socket }
    }
    return {}
  }

  /** Records the newest carrier. It counts until `lasting` closes; the answer to a poll counts until the next. */
  #note(visitor, node, lasting) {
    const carrier = { node, life: node.life }
    this.#carriers.delete(visitor)
    this.#carriers.set(visitor, carrier)
    // Removes the visitor with the oldest entry, as for the faults.
    if (this.#carriers.size > 1000) this.#carriers.delete(this.#carriers.keys().next().value)
    lasting?.once('close', () => this.#carriers.get(visitor) === carrier && this.#carriers.delete(visitor))
  }
}

function connected(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    socket.once('error', () => resolve(null))
    socket.once('connect', () => resolve(socket))
  })
}

function headersOf({ rawHeaders }) {
  const pairs = Array.from({ length: rawHeaders.length / 2 }, (_, i) => [rawHeaders[2 * i], rawHeaders[2 * i + 1]])
  return Object.fromEntries(pairs.filter(([name]) => !ofConnection.includes(name.toLowerCase())))
}

function answerBadGateway(response) {
  response.writeHead(502, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' }).end('No node listens.\n')
}
