/**
 * One node of the demo under `--redis`, in a process of its own: a RealtimeServer over Redis. It has nothing that would be lost with
 * it, so it can be killed at any moment. It tells its parent the port on which it listens, and what visitors say in the chat.
 */
import { createServer } from 'node:http'
import { createClient } from 'redis'
import { redisStore } from 'steadfast/redis'
import { RealtimeServer } from 'steadfast/server'
import { realtimeOptions } from './realtime.mjs'

/** After so long without a sign of a node that was killed, another one goes on with the messages that it was at. */
const leaseMs = 3000

const store = redisStore({ client: createClient({ socket: { host: '127.0.0.1', port: Number(process.argv[2]) } }) })
const realtime = new RealtimeServer({
  ...{ topics: store.topics, sessions: store.sessions, leaseMs },
  ...realtimeOptions({
    publish: (...message) => realtime.publish(...message),
    // Resolves once it has left this process.
    say: (json, key) => new Promise((resolve) => process.send({ say: json, key }, resolve)),
  }),
})

const server = createServer((request, response) => realtime.handleRequest(request, response))
server.on('upgrade', (request, socket, head) => realtime.handleUpgrade(request, socket, head))
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

// Ctrl-C reaches this process as well; its parent says what follows.
process.on('SIGINT', () => {})
process.once('SIGTERM', async () => {
  server.close()
  await realtime.close({ drainMs: 500 })
  await store.close()
  process.exit()
})
process.once('disconnect', () => process.exit())
if (!process.connected) process.exit()
