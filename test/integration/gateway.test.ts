import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { startGateway } from '../support/gateway-rig.ts'
import type { TransportName } from '../support/session-rig.ts'

const transports: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
/** Accepts the handshake, and reads and ignores all frames. */
function answerOnly({ headers }: IncomingMessage, socket: Socket): boolean {
  const key = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`,
  )
  socket.resume()
  return true
}

/** Accepts the TCP connection and never answers the handshake. */
function silent(_: IncomingMessage, socket: Socket): boolean {
  socket.resume()
  return true
}

const soon = { timeout: 8000, interval: 10 }

describe.each(transports)('over %s', (type) => {
  it("echoes text and bytes in order, and passes the page's close code and reason to the backend", async () => {
    await using bench = await startGateway()
    const { socket, data, opened, closed, log } = bench.socket(type)
    await opened()
    const bytes = Uint8Array.of(0, 10, 13, 255)
    for (const each of ['one', bytes, '', 'zwei\r\n🙂']) socket.send(each)
    await vi.waitFor(() => expect(data).toHaveLength(4), soon)
    expect(data).toEqual(['one', bytes.buffer, '', 'zwei\r\n🙂'])
    socket.close(4321, 'done')
    expect(await closed()).toMatchObject({ code: 4321, reason: 'done', wasClean: true })
    const [connection] = bench.backend.connections
    await vi.waitFor(() => expect(connection?.closed).toEqual({ code: 4321, reason: 'done' }), soon)
    await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(0), soon)
    expect(log).toEqual(['open', [4321, 'done', true, 3]])
  })

  it('carries 1 MiB of bytes in each direction', async () => {
    await using bench = await startGateway()
    const { socket, data, opened } = bench.socket(type)
    await opened()
    const bytes = Uint8Array.from({ length: 1_048_576 }, (_, index) => (index * 31) % 251)
    socket.send(bytes)
    await vi.waitFor(() => expect(data).toHaveLength(1), soon)
    expect(Buffer.compare(Buffer.from(data[0] as ArrayBuffer), Buffer.from(bytes))).toBe(0)
  })

  it('opens with the subprotocol that the backend selects, and fails if it selects none', async () => {
    await using bench = await startGateway({ handleProtocols: (protocols) => (protocols.has('b') ? 'b' : false) })
    const chosen = bench.socket(type, ['a', 'b'])
    await chosen.opened()
    expect(chosen.socket.protocol).toBe('b')
    const none = bench.socket(type, ['a'])
    expect(await none.closed()).toMatchObject({ code: 1006, wasClean: false })
    expect(none.log).toEqual(['error', [1006, '', false, 3]])
    await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(1), soon)
  })

  it('delivers 10,000 messages in each direction in order, despite cut connections', async () => {
    const count = 10_000
    await using bench = await startGateway({
      onConnection: ({ socket }) => {
        for (let n = 0; n < count; n += 1) socket.send(`down ${n}`)
      },
    })
    const { socket, data, opened, log } = bench.socket(type)
    await opened()
    let isCutting = true
    const cutting = (async () => {
      for (let cut = 0; isCutting && cut < 5; cut += 1) {
        await sleep(150)
        bench.sockets.rig.proxy.killAll()
      }
    })()
    for (let n = 0; n < count; n += 1) {
      socket.send(`up ${n}`)
      if (n % 1000 === 999) await sleep(20)
    }
    const [connection] = bench.backend.connections
    const patient = { timeout: 40_000, interval: 50 }
    await vi.waitFor(() => expect(connection?.received).toHaveLength(count), patient)
    await vi.waitFor(() => expect(data).toHaveLength(count), patient)
    isCutting = false
    await cutting
    expect(connection?.received).toEqual(Array.from({ length: count }, (_, n) => `up ${n}`))
    expect(data).toEqual(Array.from({ length: count }, (_, n) => `down ${n}`))
    expect(log).toEqual(['open'])
    expect(bench.backend.connections).toHaveLength(1)
  })
})

describe('a connected backend', () => {
  it.each([1000, 1001, 1003, 1008, 1011, 1012, 1013, 1014, 3000, 4000, 4400, 4401, 4410, 4503, 4999])(
    'that closes with %i closes the page with the same code, after the last message',
    async (code) => {
      await using bench = await startGateway({
        onConnection: ({ socket }) => {
          socket.send('last')
          socket.close(code, 'of the backend')
        },
      })
      const { data, closed, log } = bench.socket('websocket')
      expect(await closed()).toMatchObject({ code, reason: 'of the backend', wasClean: true, diagnosis: null })
      expect(data).toEqual(['last'])
      expect(log).toEqual(['open', [code, 'of the backend', true, 3]])
      await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(0), soon)
    },
  )

  const ends: readonly [what: string, end: (socket: Socket) => void][] = [
    ['a reset', (socket) => socket.resetAndDestroy()],
    ['a FIN', (socket) => socket.end()],
    ['garbage', (socket) => socket.write(Buffer.alloc(64, 0xff))],
    // A close frame with 1006, which must not be sent.
    ['an illegal close code', (socket) => socket.write(Buffer.of(0x88, 2, 0x03, 0xee))],
    ['invalid UTF-8', (socket) => socket.write(Buffer.of(0x81, 1, 0xff))],
  ]
  it.each(ends)('whose connection ends by %s closes the page with 1006', async (_, end) => {
    await using bench = await startGateway({
      onConnection: ({ request }) => void setTimeout(() => end(request.socket), 50),
    })
    const { closed, opened, log } = bench.socket('websocket')
    await opened()
    expect(await closed()).toMatchObject({ code: 1006, reason: '', wasClean: false })
    expect(log).toEqual(['open', 'error', [1006, '', false, 3]])
    await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(0), soon)
  })

  it('that closes without a code closes the page with 1005', async () => {
    await using bench = await startGateway({ onConnection: ({ socket }) => socket.close() })
    const { closed } = bench.socket('websocket')
    expect(await closed()).toMatchObject({ code: 1005, reason: '', wasClean: true })
  })

  it('that sends a message over maxMessageBytes closes the page with 1009', async () => {
    await using bench = await startGateway(
      { onConnection: ({ socket }) => socket.send('x'.repeat(1001)) },
      { limits: { maxMessageBytes: 1000 } },
    )
    const { closed } = bench.socket('websocket')
    expect(await closed()).toMatchObject({ code: 1009, wasClean: true })
  })

  it('that does not answer pings is disconnected, and the page closed with 1006', async () => {
    await using bench = await startGateway({ autoPong: false, onConnection: () => {} }, { pingMs: 150 })
    const { closed, opened } = bench.socket('websocket')
    await opened()
    expect(await closed()).toMatchObject({ code: 1006 })
    await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(0), soon)
  })

  it('that sends no messages but answers pings stays connected', async () => {
    let pings = 0
    await using bench = await startGateway(
      {
        onConnection: ({ socket }) =>
          void socket.on('ping', () => {
            pings += 1
          }),
      },
      { pingMs: 100 },
    )
    const { opened, log } = bench.socket('websocket')
    await opened()
    await vi.waitFor(() => expect(pings).toBeGreaterThan(3), soon)
    expect(log).toEqual(['open'])
  })
})

describe("a page's socket", () => {
  it.each([1000, 3000, 4000, 4001, 4400, 4401, 4409, 4410, 4503, 4999])('closing with %i closes the backend', async (code) => {
    await using bench = await startGateway()
    const { socket, opened, closed } = bench.socket('websocket')
    await opened()
    socket.send('last')
    socket.close(code, 'of the page')
    expect(await closed()).toMatchObject({ code, reason: 'of the page', wasClean: true })
    const [connection] = bench.backend.connections
    await vi.waitFor(() => expect(connection?.closed).toEqual({ code, reason: 'of the page' }), soon)
    expect(connection?.received).toEqual(['last'])
  })

  it('that closes without a code closes the backend with 1000', async () => {
    await using bench = await startGateway()
    const { socket, opened, closed } = bench.socket('websocket')
    await opened()
    socket.close()
    await closed()
    await vi.waitFor(() => expect(bench.backend.connections[0]?.closed).toEqual({ code: 1000, reason: '' }), soon)
  })

  it('that is disconnected for longer than resumeWindowMs closes the backend with 1001', async () => {
    await using bench = await startGateway({}, { resumeWindowMs: 400, heartbeatMs: 200 })
    const { opened } = bench.socket('websocket')
    await opened()
    await bench.sockets.rig.proxy.set({ type: 'reset' })
    bench.sockets.rig.proxy.killAll()
    await vi.waitFor(() => expect(bench.backend.connections[0]?.closed).toEqual({ code: 1001, reason: '' }), soon)
    await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(0), soon)
  })

  it('whose session record is lost closes the backend with 1001', async () => {
    await using bench = await startGateway({}, { pingMs: 100, resumeWindowMs: 2000 })
    const { opened } = bench.socket('websocket')
    await opened()
    const { sessions } = bench.sockets.rig.servers.store
    const [id = ''] = await sessions.sessionsOf('anonymous')
    const read = await sessions.read(id)
    await sessions.remove(id, read?.version ?? 0)
    await vi.waitFor(() => expect(bench.backend.connections[0]?.closed).toEqual({ code: 1001, reason: '' }), soon)
  })

  it('that closes leaves no backend socket, even if the backend never answers the Close frame', async () => {
    await using bench = await startGateway({ upgrade: answerOnly })
    const { socket, opened, closed } = bench.socket('websocket')
    await opened()
    socket.close(1000)
    await closed()
    await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(0), { timeout: 8000, interval: 50 })
  })

  it('closes with 1012, and the backend with 1001, when the server closes', async () => {
    await using bench = await startGateway()
    const { opened, closed } = bench.socket('websocket')
    await opened()
    await bench.sockets.rig.servers.server().close({ drainMs: 2000 })
    expect(await closed()).toMatchObject({ code: 1012, reason: 'restarting', wasClean: true })
    await vi.waitFor(() => expect(bench.backend.connections[0]?.closed).toEqual({ code: 1001, reason: '' }), soon)
    await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(0), soon)
  })
})

describe('a backend that does not accept the handshake', () => {
  const answers: readonly [answer: string, cause: string][] = [
    ['HTTP/1.1 401 Unauthorized\r\n\r\n', '4401'],
    ['HTTP/1.1 403 Forbidden\r\n\r\n', '4403'],
    ['HTTP/1.1 404 Not Found\r\n\r\n', '4410 the backend has answered 404'],
    ['HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\n\r\n', '4429'],
    ['HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n', '4410 the backend has answered 302'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', '4410 the backend has answered 200'],
    ['HTTP/1.1 502 Bad Gateway\r\n\r\n', '4503'],
    [
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      '4503 the backend cannot be reached',
    ],
    ['SSH-2.0-OpenSSH_9.2\r\n', '4503 the backend cannot be reached'],
    ['', '4503 the backend cannot be reached'],
  ]
  it.each(answers)('but answers %j makes the socket fail at once', async (answer, cause) => {
    await using bench = await startGateway({
      upgrade: (_, socket) => {
        socket.end(answer)
        return true
      },
    })
    const { closed, log } = bench.socket('websocket')
    const { code, diagnosis } = await closed()
    expect(code).toBe(1006)
    const [expected = '', ...reason] = cause.split(' ')
    const evidence = diagnosis?.evidence as { readonly code?: number; readonly reason?: string }
    expect(evidence.code).toBe(Number(expected))
    expect(evidence.reason).toContain(reason.join(' '))
    expect(log).toEqual(['error', [1006, '', false, 3]])
    await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(0), soon)
  })

  it('because it never answers makes the socket fail after connectTimeoutMs', async () => {
    await using bench = await startGateway({ upgrade: silent }, { connectTimeoutMs: 200 })
    const { closed } = bench.socket('sse')
    const { code, diagnosis } = await closed()
    expect([code, diagnosis?.evidence]).toEqual([
      1006,
      expect.objectContaining({ code: 4503, reason: 'the backend did not answer in time' }),
    ])
    await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(0), soon)
  })

  it('for 3.5 s is dialled only once, while the page tries other transports', async () => {
    let dials = 0
    await using bench = await startGateway({
      upgrade: (request, socket) => {
        dials += 1
        setTimeout(() => answerOnly(request, socket), 3500)
        return true
      },
    })
    const { opened, log } = bench.socket('websocket', [], { transports: ['websocket', 'sse', 'long-poll'] })
    await vi.waitFor(() => expect(log).toEqual(['open']), soon)
    await opened()
    expect(dials).toBe(1)
  })

  it('is disconnected when the page closes its socket meanwhile', async () => {
    await using bench = await startGateway({ upgrade: silent }, { connectTimeoutMs: 500 })
    const { socket, closed } = bench.socket('websocket')
    await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(1), soon)
    socket.close()
    await closed()
    await vi.waitFor(() => expect(bench.backend.sockets.size).toBe(0), soon)
  })

  it('because nothing listens on its port makes the socket fail with 4503', async () => {
    await using bench = await startGateway({}, { target: 'ws://127.0.0.1:1/' })
    const { diagnosis } = await bench.socket('websocket').closed()
    expect(diagnosis?.evidence).toMatchObject({ code: 4503, reason: 'the backend cannot be reached' })
  })
})

describe('back-pressure', () => {
  it('from a slow page pauses the backend, and the page gets every message later', async () => {
    const count = 40
    let sent = 0
    await using bench = await startGateway({
      onConnection: ({ socket }) => {
        const done = () => {
          sent += 1
        }
        for (let n = 0; n < count; n += 1) socket.send(Buffer.alloc(1_000_000, n), done)
      },
    })
    const { proxy } = bench.sockets.rig
    await proxy.set({ type: 'slow', bytesPerSecond: 20_000 })
    const { data, opened, log } = bench.socket('sse')
    await opened()
    // Bytes in kernel buffers between the backend and the gateway add to the 4 MiB that the gateway holds.
    await sleep(2000)
    const before = sent
    await sleep(1500)
    expect(sent).toBe(before)
    expect(before).toBeLessThan(20)
    await proxy.set()
    proxy.killAll()
    await vi.waitFor(() => expect(data).toHaveLength(count), { timeout: 30_000, interval: 50 })
    expect(data.map((each) => new Uint8Array(each as ArrayBuffer)[0])).toEqual(Array.from({ length: count }, (_, n) => n))
    expect(log).toEqual(['open'])
  })

  it('from a backend that does not read pauses the page', async () => {
    const count = 16
    await using bench = await startGateway({ onConnection: ({ socket }) => socket.pause() })
    const { socket, opened, log } = bench.socket('websocket')
    await opened()
    let sent = 0
    const sending = (async () => {
      while (sent < count) {
        if (socket.bufferedAmount < 2_000_000) {
          socket.send(new Uint8Array(1_000_000).fill(sent))
          sent += 1
        } else await sleep(5)
      }
    })()
    await sleep(1500)
    const before = sent
    await sleep(500)
    expect(sent).toBe(before)
    expect(before).toBeLessThan(12)
    expect(bench.sockets.rig.servers.server().metrics().unhandledBytes).toBeLessThan(5_000_000)
    const [connection] = bench.backend.connections
    connection?.socket.resume()
    await vi.waitFor(() => expect(connection?.received).toHaveLength(count), { timeout: 30_000, interval: 50 })
    await sending
    expect(connection?.received.map((each) => (each as Buffer)[0])).toEqual(Array.from({ length: count }, (_, n) => n))
    expect(log).toEqual(['open'])
  })
})

it('messages sent by the page right after open, and by the backend before it, are delivered', async () => {
  await using bench = await startGateway({ onConnection: ({ socket }) => socket.send('welcome') })
  const { socket, data } = bench.socket('websocket')
  await once(socket as never, 'open')
  socket.send('first')
  await vi.waitFor(() => expect(data).toEqual(['welcome']), soon)
  await vi.waitFor(() => expect(bench.backend.connections[0]?.received).toEqual(['first']), soon)
})
