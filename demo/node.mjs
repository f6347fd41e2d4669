/**
 * One node of the demo with `--redis`, in a process of its own: a RealtimeServer over Redis. It holds no state of its own, so
 * it can be killed at any time. It reports to its parent the port on which it listens, and the chat messages of visitors.
 */
import { createServer } from 'node:http'
import { createClient } from 'redis'
import { redisStore } from 'steadfast/redis'
import { RealtimeServer } from 'steadfast/server'
import { realtimeOptions } from './realtime.mjs'

/** After this time another node continues the messages of a node that was killed. */
const leaseMs = 3000

const store = redisStore({ client: createClient({ socket: { host: '127.0.0.1', port: Number(process.argv[2]) } }) })
const realtime = new RealtimeServer({
  topics: store.topics,
  sessions: store.sessions,
  leaseMs,
  ...realtimeOptions({
    publish: (...message) => realtime.publish(...message),
    // Resolves once it has been sent to the parent.
    say: (json, key) => new Promise((resolve) => process.send({ say: json, key }, resolve)),
  }),
})

const server = createServer((request, response) => realtime.handleRequest(request, response))
server.on('upgrade', (request, socket, head) => realtime.handleUpgrade(request, socket, head))
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

// Ctrl-C reaches this process too; its parent decides what follows.
process.on('SIGINT', () => {})
process.once('SIGTERM', async () => {
  server.close()
  await realtime.close({ drainMs: 500 })
  await store.close()
  process.exit()
})
process.once('disconnect', () => process.exit())
if (!process.connected) process.exit()
