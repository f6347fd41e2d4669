/** A program: a WebSocket server that echoes; it answers `flood n bytes` with n messages of that length. */
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { answerParent } from './processes.mjs'

const server = createServer()
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', (socket) => {
  socket.on('error', () => {})
  socket.on('message', (data, isBinary) => {
    const [job, count, bytes] = isBinary ? [] : String(data).split(' ')
    if (job !== 'flood') {
      socket.send(data, { binary: isBinary })
      return
    }
    const text = 'x'.repeat(Number(bytes))
    for (let sent = 0; sent < Number(count); sent += 1) socket.send(text)
  })
})
await answerParent(server)
