import { connect, createServer, type Socket } from 'node:net'
import { RequestReader } from './http-heads.ts'
import { listenOnLoopback, stopListening } from './loopback.ts'

export interface RoundRobin extends AsyncDisposable {
  readonly port: number
  /** How many requests went to each port, in the order in which the ports were given. */
  readonly counts: readonly number[]
}

/**
 * A load balancer without affinity: each request goes to the next port. Ports that refuse connections are skipped.
 *
 * Each connection ends after its first answer, so that the next request uses another connection and goes to another port.
 */
export async function startRoundRobin(ports: readonly number[]): Promise<RoundRobin> {
  const counts = ports.map(() => 0)
  const sockets = new Set<Socket>()
  let next = 0
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const requests = new RequestReader()
    const first = next
    next += 1
    let server: Socket | null = null
    hold(client)
    client.on('data', (chunk: Buffer) => {
      const bytes = Buffer.concat(
        requests.feed(chunk).map((piece) => (piece.type === 'head' ? alone(piece.bytes, piece.kind) : piece.bytes)),
      )
      if (bytes.length === 0) return
      if (server) {
        if (!server.write(bytes)) client.pause()
        return
      }
      client.pause()
      dial(client, first, bytes, 0, (found) => {
        server = found
      })
    })
  })
  const port = await listenOnLoopback(listener)
  return {
    port,
    counts,
    async [Symbol.asyncDispose]() {
      await stopListening(listener)
      for (const socket of sockets) socket.destroy()
    },
  }

  function hold(socket: Socket): void {
    sockets.add(socket)
    socket.on('error', () => {}) // 'close' follows
    socket.on('close', () => sockets.delete(socket))
  }

  function dial(client: Socket, first: number, bytes: Buffer, tries: number, found: (server: Socket) => void): void {
    const index = (first + tries) % ports.length
    const server = connect({ host: '127.0.0.1', port: ports[index] ?? 0, allowHalfOpen: true, noDelay: true })
    hold(server)
    const passOver = () => {
      if (tries + 1 < ports.length && !client.destroyed) dial(client, first, bytes, tries + 1, found)
      else client.resetAndDestroy()
    }
    server.once('error', passOver)
    server.once('connect', () => {
      server.off('error', passOver)
      counts[index] = (counts[index] ?? 0) + 1
      found(server)
      server.write(bytes)
      client.resume()
      join(client, server)
      join(server, client)
      server.on('data', (chunk) => {
        if (!client.write(chunk)) server.pause()
      })
    })
  }
}

/** When one side ends or fails, the other one does so too, in the same way. */
function join(from: Socket, to: Socket): void {
  from.on('drain', () => to.resume())
  from.on('end', () => to.end())
  from.on('close', (hasFailed) => (hasFailed ? to.resetAndDestroy() : to.destroySoon()))
}

/** The head of a request with `Connection: close`, so that its answer is the last one; an upgrade is unchanged. */
function alone(head: Buffer, kind: string): Buffer {
  if (kind === 'websocket') return head
  const lines = head.toString('latin1').trimEnd().split('\r\n')
  const kept = lines.filter((line) => !/^connection:/i.test(line))
  return Buffer.from(`${kept.join('\r\n')}\r\nConnection: close\r\n\r\n`, 'latin1')
}
