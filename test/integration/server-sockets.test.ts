import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { until } from '../support/raw-client.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'

/** Returns what the server answered once it has destroyed the socket; the client never closes it by itself. */
async function answerTo(port: number | undefined, text: string): Promise<string> {
  const socket: Socket = connect({ port: port ?? 0, host: '127.0.0.1', allowHalfOpen: true })
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => {})
  socket.write(text)
  await once(socket, 'end')
  // The client's side stays open: it is reset only once the server has destroyed its socket.
  const timer = setInterval(() => socket.write('x'), 50)
  try {
    await until(() => socket.destroyed, 'the server holds the socket')
  } finally {
    clearInterval(timer)
    socket.destroy()
  }
  return answer
}

const upgrade =
  'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

describe('a refused socket', () => {
  it.each([
    ['an upgrade without the subprotocol', `GET /realtime HTTP/1.1\r\n${upgrade}\r\n`],
    ['an upgrade with another subprotocol', `GET /realtime HTTP/1.1\r\n${upgrade}Sec-WebSocket-Protocol: mqtt\r\n\r\n`],
  ])('is destroyed soon after the answer to %s, even if its client does not close it', async (_, text) => {
    await using servers = await RealtimeServers.start()
    const answer = await answerTo(servers.ports[0], text)
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
    expect(answer).toContain('"code":4400')
    expect(answer.split('\r\n\r\n')[1]).toHaveLength(Number(/Content-Length: (\d+)/.exec(answer)?.[1]))
  })
})
