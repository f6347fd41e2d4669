/**
 * A program: a server with all its defaults that can be started again where it was. The first argument is `steadfast` or `socket.io`, the
 * second the port, if it is not to be any.
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
  // Everybody is somebody else, as behind any `authenticate`.
  const authenticate = () => ({ id: crypto.randomUUID() })
  new RealtimeServer({ path: '/session', authenticate }).attach(server)
}
await answerParent(server, {}, Number(port))
