import { createServer } from 'node:http'
import next from 'next'
import { createBoard } from './board.mjs'

globalThis.board = createBoard()

const port = Number(process.env.PORT ?? 3000)
const app = next({ dev: process.env.NODE_ENV !== 'production', dir: import.meta.dirname, hostname: 'localhost', port })
await app.prepare()

const server = createServer(app.getRequestHandler())
globalThis.board.realtime.attach(server)
server.listen(port, 'localhost', () => console.log(`http://localhost:${server.address().port}`))
