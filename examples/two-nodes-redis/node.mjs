import { fileURLToPath } from 'node:url'
import express from 'express'
import { createClient } from 'redis'
import { json } from 'steadfast'
import { redisStore } from 'steadfast/redis'
import { RealtimeServer } from 'steadfast/server'

const [, , name] = process.argv

const { topics, sessions } = redisStore({ client: createClient({ url: process.env.REDIS_URL }) })
const realtime = new RealtimeServer({
  topics,
  sessions,
  // After this time another node takes over the handlers of a node that was killed.
  leaseMs: 3000,
  codec: json(),
  authenticate: (_request, guest) => ({ id: String(guest).slice(0, 20) }),
  presence: ({ principal }) => principal.id,
  onSubscribe: (_session, topic) => topic === 'numbers',
  onPublish: ({ principal }, topic, n) => topic === 'numbers' && { data: { from: principal.id, n: Number(n), node: name } },
})

const app = express()
app.post('/kill/:node', (request, response) => {
  // Only after the answer, since it may be this node that is killed.
  response.once('close', () => process.send({ kill: request.params.node }))
  response.sendStatus(204)
})
app.use('/steadfast', express.static(fileURLToPath(new URL('.', import.meta.resolve('steadfast/steadfast.session.min.js')))))
app.use(express.static(`${import.meta.dirname}/public`))

const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
// The balancer selects a node per connection; one request per connection makes that a node per request.
server.maxRequestsPerSocket = 1
realtime.attach(server)
process.once('disconnect', () => process.exit())
