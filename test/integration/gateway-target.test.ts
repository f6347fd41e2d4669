import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { describe, expect, it, vi } from 'vitest'
import { makeCertificates } from '../faults/certificates.ts'
import { want } from '../support/equipment.ts'
import { startGateway } from '../support/gateway-rig.ts'
import { RawSocket, randomSession } from '../support/raw-client.ts'

const soon = { timeout: 8000, interval: 10 }

describe('the request to the backend', () => {
  it('carries the headers, query and address of the client, over WebSocket and over HTTP', async () => {
    await using bench = await startGateway({}, { headers: ({ auth }) => ({ 'X-Auth': JSON.stringify(auth ?? null) }) })
    const url = bench.sockets.rig.servers.urls[0] ?? ''
    const headers = {
      Origin: new URL(url).origin,
      Cookie: 'sid=1',
      Authorization: 'Bearer x',
      'X-Other': 'no',
      'X-Forwarded-For': '1.2.3.4',
    }
    const hello = { session: randomSession(), turn: 1, protocols: [], auth: { token: 7 } }
    await new RawSocket(url, hello, { headers, query: '?room=7&attempt=abc' }).opened()
    const [connection] = bench.backend.connections
    expect(connection?.request.url).toBe('/backend?room=7')
    expect(connection?.request.headers).toMatchObject({
      cookie: 'sid=1',
      authorization: 'Bearer x',
      'x-auth': '{"token":7}',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': new URL(url).host,
      'x-forwarded-proto': 'http',
      host: `127.0.0.1:${bench.backend.port}`,
    })
    expect(connection?.request.headers).not.toHaveProperty('x-other')
    expect(connection?.request.headers['sec-websocket-extensions']).toBeUndefined()
    const { opened } = bench.socket('sse')
    await opened()
    expect(bench.backend.connections[1]?.request.url).toBe('/backend?transport=sse')
  })

  it('is not made when headers() returns an invalid value, which is reported without being disclosed', async () => {
    await using bench = await startGateway({}, { headers: () => ({ 'X-Token': 'secret\r\nX: y' }) })
    const { diagnosis } = await bench.socket('websocket').closed()
    expect(diagnosis?.evidence).toMatchObject({ code: 4500 })
    const [error] = bench.sockets.rig.servers.errors
    expect(String(error)).toContain("what headers() returned: the value of 'X-Token' is not a valid header value")
    expect(String(error)).not.toContain('secret')
    expect(bench.backend.connections).toEqual([])
  })
})

describe('target()', () => {
  it('that returns an origin outside allowedTargets has the client refused with 4403', async () => {
    await using other = await startGateway()
    const { url } = other.backend
    await using bench = await startGateway(
      {},
      { target: async () => url, allowedTargets: ['ws://127.0.0.1:1', 'wss://127.0.0.1'] },
    )
    const { diagnosis } = await bench.socket('websocket').closed()
    expect(diagnosis?.evidence).toMatchObject({ code: 4403, reason: 'this backend is not allowed' })
    expect(other.backend.connections).toEqual([])
  })

  it('connects to an allowed URL, and refuses the client with 4403 when it returns null', async () => {
    await using other = await startGateway()
    const { url, port } = other.backend
    const target = ({ request }: { readonly request: { readonly url?: string | undefined } }) =>
      request.url?.includes('transport=sse') ? null : new URL(url)
    await using bench = await startGateway({}, { target, allowedTargets: [`ws://127.0.0.1:${port}`] })
    const { opened } = bench.socket('websocket')
    await opened()
    await vi.waitFor(() => expect(other.backend.connections).toHaveLength(1), soon)
    const { diagnosis } = await bench.socket('sse').closed()
    expect(diagnosis?.evidence).toMatchObject({ code: 4403, reason: 'there is no backend for this client' })
  })

  it.each([
    'http://169.254.169.254/',
    'ws://127.0.0.1:9@169.254.169.254/',
    'ws://127.0.0.1:9/\r\nX: y',
    'ws://127.0.0.1:9/#',
    7,
    undefined,
  ])('that returns %j is reported, and the client refused with 4500', async (given) => {
    const target = () => given as string
    await using bench = await startGateway({}, { target, allowedTargets: ['ws://127.0.0.1:9'] })
    const { diagnosis } = await bench.socket('websocket').closed()
    expect(diagnosis?.evidence).toMatchObject({ code: 4500 })
    expect(String(bench.sockets.rig.servers.errors[0])).toContain('gateway: target() must return a URL')
  })

  it('that never settles has the client refused with 4503 after connectTimeoutMs', async () => {
    const target = () => new Promise<null>(() => {})
    await using bench = await startGateway({}, { target, allowedTargets: ['ws://127.0.0.1:9'], connectTimeoutMs: 100 })
    const { diagnosis } = await bench.socket('websocket').closed()
    expect(diagnosis?.evidence).toMatchObject({ code: 4503, reason: 'the backend did not answer in time' })
  })
})

describe('a backend that cannot be reached', () => {
  const reportingTo = (errors: unknown[]) => ({ onError: (error: unknown) => void errors.push(error) })

  it('is reported with the reason, once until a connection to it succeeds, and clients are not told the reason', async () => {
    let doesAccept = false
    const errors: unknown[] = []
    const upgrade = (_: unknown, socket: Socket) => {
      if (!doesAccept) socket.resetAndDestroy()
      return !doesAccept
    }
    await using bench = await startGateway({ upgrade }, reportingTo(errors))
    const refused = async () => (await bench.socket('websocket').closed()).diagnosis?.evidence
    expect(await refused()).toMatchObject({ code: 4503, reason: 'the backend cannot be reached' })
    await refused()
    expect(errors.map(String)).toEqual([
      expect.stringMatching(/^Error: gateway: the backend ws:\/\/127\.0\.0\.1:\d+ cannot be reached: .*(ECONNRESET|hang up)/),
    ])
    doesAccept = true
    await bench.socket('websocket').opened()
    doesAccept = false
    await refused()
    expect(errors).toHaveLength(2)
  })

  it.each(['ws://127.0.0.1:1', 'ws://localhost:1', 'ws://no-such-host.invalid'])(
    'at %s is reported with the code of the system',
    async (target) => {
      const errors: unknown[] = []
      await using bench = await startGateway({}, { target, ...reportingTo(errors) })
      await bench.socket('websocket').closed()
      expect(errors.map(String)).toEqual([expect.stringMatching(/cannot be reached: .*(ECONNREFUSED|ENOTFOUND|EAI_AGAIN)/)])
    },
  )

  it('since nobody trusts its certificate is reported as such', async (context) => {
    await want(context, 'openssl')
    await using certificates = await makeCertificates()
    const backend = createTlsServer(await certificates.issue('127.0.0.1', { by: 'nobody' })).listen(0, '127.0.0.1')
    await once(backend, 'listening')
    const { port } = backend.address() as { readonly port: number }
    const errors: unknown[] = []
    await using bench = await startGateway({}, { target: `wss://127.0.0.1:${port}`, ...reportingTo(errors) })
    await bench.socket('websocket').closed()
    expect(errors.map(String)).toEqual([expect.stringContaining('certificate')])
    backend.close()
  })

  it.each([401, 404, 502])('is not one that answers %i', async (status) => {
    const errors: unknown[] = []
    const upgrade = (_: unknown, socket: Socket) => {
      socket.end(`HTTP/1.1 ${status} Refused\r\n\r\n`)
      return true
    }
    await using bench = await startGateway({ upgrade }, reportingTo(errors))
    await bench.socket('websocket').closed()
    expect(errors).toEqual([])
  })
})

it('a redirect by the backend is not followed', async () => {
  let asked = 0
  const elsewhere = createServer((socket) => {
    asked += 1
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(elsewhere, 'listening')
  const { port } = elsewhere.address() as { readonly port: number }
  await using bench = await startGateway({
    upgrade: (_, socket) => {
      socket.end(`HTTP/1.1 307 Temporary Redirect\r\nLocation: ws://127.0.0.1:${port}/\r\n\r\n`)
      return true
    },
  })
  const { diagnosis } = await bench.socket('websocket').closed()
  expect(diagnosis?.evidence).toMatchObject({ code: 4410, reason: 'the backend has answered 307' })
  expect(asked).toBe(0)
  elsewhere.close()
})

it('a session client that is not a socket is refused with 4410, and no backend is dialled', async () => {
  await using bench = await startGateway()
  const plain = new RawSocket(bench.sockets.rig.servers.urls[0] ?? '', { session: randomSession(), turn: 1 })
  expect(await plain.over()).toMatchObject({ code: 4410 })
  expect(bench.backend.connections).toEqual([])
})
