import { afterEach, describe, expect, it } from 'vitest'
import { webSocketOver } from '../../src/socket/index.ts'
import { createFakeServer, type FakeServerOptions } from '../../src/testing/index.ts'

const transports = ['websocket', 'sse', 'long-poll'] as const
const servers: { close(): readonly string[] }[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

function start(options: Pick<FakeServerOptions<unknown, unknown>, 'selectProtocol'> = {}) {
  const server = createFakeServer(options)
  servers.push(server)
  return server
}

/** A socket, with a log of its events. */
function open(server: ReturnType<typeof start>, transport: (typeof transports)[number], protocols?: string[]) {
  const Socket = webSocketOver({ host: server.host, transports: [transport] })
  const socket = new Socket('ws://app.example/realtime', protocols)
  const log: unknown[] = []
  socket.onopen = () => log.push(['open', socket.protocol])
  socket.onmessage = ({ data }) => log.push(data)
  socket.onerror = () => log.push('error')
  const closed = new Promise<void>((resolve) => {
    socket.onclose = ({ code, reason, wasClean }) => {
      log.push([code, reason, wasClean])
      resolve()
    }
  })
  return { socket, log, closed }
}

describe.each(transports)('a socket of steadfast/socket at a fake server, over %s', (transport) => {
  it('gets the subprotocol that the server chooses, and closes with its codes', async () => {
    const server = start({ selectProtocol: (protocols) => protocols.at(-1) })
    for (const code of [1000, 3000, 4000, 4401, 4503]) {
      const { socket, log, closed } = open(server, transport, ['chat.v1', 'chat.v2'])
      const connection = await server.nextConnection()
      expect(connection.session?.protocol).toBe('chat.v2')
      await expect.poll(() => socket.readyState).toBe(1)
      connection.send('last')
      socket.send('hello')
      expect(await server.nextMessage()).toBe('hello')
      connection.session?.end(code, 'of the application')
      await closed
      expect(log).toEqual([['open', 'chat.v2'], 'last', [code, 'of the application', true]])
      expect(connection.session?.ended).toMatchObject({ code, reason: 'of the application' })
    }
  })

  it('closes with the code of its own application', async () => {
    const server = start()
    for (const code of [undefined, 1000, 4000, 4321]) {
      const { socket, log, closed } = open(server, transport)
      const connection = await server.nextConnection()
      await expect.poll(() => socket.readyState).toBe(1)
      socket.close(code, code === undefined ? undefined : 'mine')
      await closed
      expect(log).toEqual([
        ['open', ''],
        [code ?? 1005, code ? 'mine' : '', true],
      ])
      expect(connection.session?.ended).toMatchObject({ code: code ?? 1000 })
    }
  })

  it('is refused if the server chooses no subprotocol, and ends if the server has lost its session', async () => {
    const none = start({ selectProtocol: () => null })
    const refused = open(none, transport, ['chat.v1'])
    await refused.closed
    expect(refused.log).toEqual(['error', [1006, '', false]])
    expect(none.sessions).toEqual([])
    const server = start()
    const lost = open(server, transport)
    await server.nextConnection()
    await expect.poll(() => lost.socket.readyState).toBe(1)
    server.forgetSessions()
    await lost.closed
    expect(lost.log).toEqual([['open', ''], 'error', [1006, '', false]])
  })
})
