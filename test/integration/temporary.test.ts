import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { listenOnLoopback } from '../support/loopback.ts'
import { type Script, type ScriptedServer, startScripted, stream } from '../support/scripted-server.ts'
import { watchClient } from '../support/watched-client.ts'

/** Starts a server that accepts connections, reads, and never writes a byte. */
async function startMute(): Promise<AsyncDisposable & { readonly origin: string; readonly heard: () => string }> {
  const sockets = new Set<Socket>()
  let heard = ''
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (data) => {
      heard += data
    })
  })
  const origin = `http://127.0.0.1:${await listenOnLoopback(server)}`
  return {
    origin,
    heard: () => heard,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Starts a scripted server that also accepts WebSockets, and calls `greet` with each. */
async function withSockets(
  script: Script,
  greet: (socket: import('ws').WebSocket) => void,
): Promise<ScriptedServer & { dials(): number }> {
  const server = await startScripted(script)
  const sockets = new WebSocketServer({ server: server.http })
  let dials = 0
  sockets.on('connection', (socket) => {
    dials += 1
    greet(socket)
  })
  return { ...server, dials: () => dials }
}

describe.concurrent('a server that accepts connections and never answers', () => {
  it.each([
    ['long-poll alone', ['long-poll'] as const],
    ['all transports', undefined],
  ])('never opens over %s, and a message for it stays unsent', async (_, transports) => {
    await using mute = await startMute()
    await using watched = watchClient(`${mute.origin}/events`, {
      ...(transports && { transports }),
      connectTimeoutMs: 3500,
      probe: false,
    })
    watched.client.send('kept')
    await watched.nth('error')
    await sleep(2500)
    expect([watched.opened(), new Set(watched.causes())]).toEqual([[], new Set(['net.timeout'])])
    expect(mute.heard()).not.toContain('POST')
    expect(await watched.client.close()).toMatchObject({ unsent: ['kept'], unconfirmed: [] })
  })

  it.each<[string, Script]>([
    ['holds requests to its URL', ({ path }, response) => path === '/' && response.writeHead(404).end()],
    ['holds its very first request', () => {}],
    ['holds every GET', ({ method }, response) => method === 'HEAD' && response.writeHead(405).end()],
  ])('is distinguished from a quiet long-poll server that %s', async (name, answer) => {
    let requests = 0
    await using server = await startScripted((request, response, n) => {
      requests += 1
      if (request.method === 'POST') response.writeHead(204).end()
      else if (name.includes('very first') && requests > 1) response.writeHead(204).end()
      else answer(request, response, n)
    })
    await using watched = watchClient(`${server.origin}/events`, { transports: ['long-poll'] })
    watched.client.send('hello')
    const { elapsedMs } = await watched.nth('open')
    expect(elapsedMs).toBeGreaterThan(1900)
    expect(elapsedMs).toBeLessThan(3000)
    await vi.waitFor(() => expect(server.posts().map(({ body }) => body)).toEqual(['hello']))
    expect(watched.of('error')).toEqual([])
  })
})

describe.concurrent('a client falls back from WebSocket to SSE', () => {
  const serves: Script = ({ headers }, response) =>
    headers.accept?.includes('event-stream') ? stream(response, 'data: hello\n\n') : response.writeHead(404).end()

  it('after the server has closed two WebSockets with 1013 soon after they opened', async () => {
    await using server = await withSockets(serves, (socket) => void setTimeout(() => socket.close(1013), 150))
    await using watched = watchClient(server.origin)
    await vi.waitFor(() => expect(watched.data).toEqual(['hello']), 6000)
    expect(server.dials()).toBe(2)
    expect(watched.of('close').map(({ code }) => code)).toEqual([1013, 1013])
  })

  it('after two WebSockets on which the server never answers the heartbeat', async () => {
    await using server = await withSockets(serves, () => {})
    const heartbeat = { message: 'beat', intervalMs: 300, timeoutMs: 200 }
    await using watched = watchClient(server.origin, { heartbeat, provingMs: 200, probe: false })
    await vi.waitFor(() => expect(watched.opened()).toContain('sse'), 6000)
    expect(server.dials()).toBe(2)
    expect(
      watched.of('state').some(({ state }) => state.status === 'open' && state.transport === 'websocket' && state.proven),
    ).toBe(false)
  })
})
