/**
 * A program: a server with its defaults that can be restarted on the same port. The first argument is `steadfast` or
 * `socket.io`, the second the port; without it any free one.
 */
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { built } from './build.mjs'
import { answerParent } from './processes.mjs'

const [kind = '', port = '0'] = process.argv.slice(2)
const server = createServer()
if (kind === 'socket.io') new Server(server)
else {
  /** @type {typeof import('../../dist/server.js')} */
  const { RealtimeServer } = await import(built('server.js'))
  // Each client is another principal, as usual behind `authenticate`.
  const authenticate = () => ({ id: crypto.randomUUID() })
  new RealtimeServer({ path: '/session', authenticate }).attach(server)
}
await answerParent(server, {}, Number(port))
