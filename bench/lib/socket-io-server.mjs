/** A program: socket.io over WebSocket only, which echoes. */
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { answerParent } from './processes.mjs'

const server = createServer()
const peer = new Server(server, { cors: { origin: '*' }, transports: ['websocket'] })
peer.on('connection', (socket) => socket.on('message', (message) => socket.emit('message', message)))
await answerParent(server)
