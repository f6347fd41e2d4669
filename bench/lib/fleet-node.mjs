/**
 * A program: one node of several. The first argument is its kind: `redis` and `memory` are `RealtimeServer` with
 * `redisStore()` and `memoryStore()`, `redis-adapter` and `redis-streams-adapter` are socket.io, `least-script` has no
 * clients: it publishes by the shortest script that stores and numbers a message, and subscribes to it. The second argument is
 * the URL of the Redis, the third the topic to which every client is subscribed (`own`: each client has its own). Messages of
 * clients are echoed.
 */
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAdapter } from '@socket.io/redis-adapter'
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter'
import { createClient } from 'redis'
import { Server } from 'socket.io'
import { built } from './build.mjs'
import { answerParent } from './processes.mjs'
import { textOf } from './texts.mjs'

const [kind = '', url = '', topic = ''] = process.argv.slice(2)
const noLimit = 1e9

/** @typedef {(text: string) => unknown} Publish */

/** @param {import('node:http').Server} server @returns {Promise<Publish>} */
async function startSteadfast(server) {
  /** @type {typeof import('../../dist/server.js')} */
  const { RealtimeServer } = await import(built('server.js'))
  /** @type {typeof import('../../dist/redis.js')} */
  const { redisStore } = await import(built('redis.js'))
  const { topics, sessions } = kind === 'redis' ? redisStore({ client: createClient({ url }) }) : {}
  const realtime = new RealtimeServer({
    topics,
    sessions,
    path: '/session',
    // Each client is another principal, as usual behind `authenticate`.
    authenticate: () => ({ id: crypto.randomUUID() }),
    limits: { attachmentsPerSecond: noLimit, attachmentsPerSecondPerAddress: noLimit },
    onSession: topic === '' ? undefined : (session) => session.subscribe(topic === 'own' ? `user:${session.id}` : topic),
    onMessage: (session, { data }) => session.send(data),
  })
  realtime.attach(server)
  return (text) => realtime.publish(topic, text)
}

/** @param {import('node:http').Server} server @returns {Promise<Publish>} */
async function startSocketIo(server) {
  const client = createClient({ url })
  const subscriber = client.duplicate()
  // Redis may be stopped first.
  for (const each of [client, subscriber]) each.on('error', () => {})
  await client.connect()
  if (kind === 'redis-adapter') await subscriber.connect()
  const adapter = kind === 'redis-adapter' ? createAdapter(client, subscriber) : createStreamsAdapter(client)
  const peer = new Server(server, { transports: ['websocket'], adapter })
  peer.on('connection', (socket) => {
    if (topic !== '') socket.join(topic === 'own' ? `user:${socket.id}` : topic)
    socket.on('message', (message) => socket.emit('message', message))
  })
  return (text) => peer.to(topic).emit('message', text)
}

/** @returns {Promise<Publish>} */
async function startLeastScript() {
  const client = createClient({ url })
  const subscriber = client.duplicate()
  for (const each of [client, subscriber]) each.on('error', () => {})
  await Promise.all([client.connect(), subscriber.connect()])
  await subscriber.subscribe(topic, () => {})
  const script = `redis.call('PUBLISH', KEYS[1], redis.call('RPUSH', KEYS[1], ARGV[1]) .. ' ' .. ARGV[1])`
  const sha = await client.scriptLoad(script)
  return (text) => client.evalSha(sha, { keys: [topic], arguments: [text] })
}

const server = createServer()
const start = kind === 'least-script' ? startLeastScript : kind.endsWith('adapter') ? startSocketIo : startSteadfast
const publish = await start(server)
await answerParent(server, {
  async broadcast({ messages, bytes, everyMs }) {
    const published = []
    for (let sent = 0; sent < Number(messages); sent += 1) {
      published.push(publish(textOf(sent, Number(bytes))))
      await sleep(Number(everyMs))
    }
    await Promise.all(published)
    return {}
  },
})
