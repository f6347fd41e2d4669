/**
 * A program: a WebSocket server that sends `FLOOD_MESSAGES` of `FLOOD_BYTES` bytes to whoever connects, one to a frame, as fast
 * as the socket takes them. The frames are made beforehand, so that the sender is never what is waited for.
 */
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const chunkFrames = 500
const count = Number(process.env['FLOOD_MESSAGES'])
const size = Number(process.env['FLOOD_BYTES'])
const finAndText = 0x81
const frame = Buffer.concat([Buffer.from([finAndText, size]), Buffer.alloc(size, 'x')])
const chunk = Buffer.concat(Array.from({ length: chunkFrames }, () => frame))

const server = createServer((_, response) => response.writeHead(404, { 'access-control-allow-origin': '*' }).end())
new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (connection, { socket }) => {
  connection.on('error', () => {})
  let chunks = count / chunkFrames
  const pump = () => {
    while (chunks > 0) {
      chunks -= 1
      if (!socket.write(chunk)) {
        socket.once('drain', pump)
        return
      }
    }
  }
  pump()
})
server.listen(0, '127.0.0.1', () => process.send?.(/** @type {import('node:net').AddressInfo} */ (server.address()).port))
process.on('disconnect', () => process.exit())
