/**
 * A program: the same as `raw-server.mjs`, with `RealtimeServer`. What is asked for is a message: `flood`, `sink`, or anything else, which is sent back.
 * The first argument is the origin of the pages, the second a topic to which every session is subscribed.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { built } from './build.mjs'
import { answerParent } from './processes.mjs'

const [origin = '', topic = ''] = process.argv.slice(2)
/** @type {typeof import('../../dist/server.js')} */
const { RealtimeServer, memoryStore } = await import(built('server.js'))

/** So many bytes are published in one turn of the loop, which the sockets share. */
const turnBytes = 65_536
// The log holds a whole flood of small messages, since how fast an answer is taken cannot be seen from here.
const store = memoryStore({ maxBytes: 2 ** 30, maxBytesPerStream: 2 ** 25, maxMessagesPerStream: 2 ** 18 })
const noLimit = 1e9
/**
 * The last WebSocket's, which says how fast it takes what is published.
 * @type {import('node:net').Socket | undefined}
 */
let socket
/** What is left to come, by session. */
const sinks = new Map()

const realtime = new RealtimeServer({
  ...store,
  path: '/session',
  origins: origin === '' ? [] : [origin],
  limits: { attachmentsPerSecond: noLimit, sessionsPerPrincipal: noLimit, maxSessions: noLimit },
  onSession: topic === '' ? undefined : (session) => session.subscribe(topic),
  onMessage(session, { data }) {
    const left = sinks.get(session.id)
    if (left !== undefined) {
      sinks.set(session.id, left - 1)
      if (left === 1) session.send('done')
      return undefined
    }
    const [job, ...details] = typeof data === 'string' ? data.split(' ') : []
    if (job === 'sink') {
      sinks.set(session.id, Number(details[0]))
      return undefined
    }
    return job === 'flood' ? flood(session, details) : session.send(data)
  },
  onEnd({ id }) {
    sinks.delete(id)
    return store.topics.trim(id, Number.MAX_SAFE_INTEGER)
  },
})

/**
 * @param {import('../../dist/server.js').Session} session
 * @param {readonly string[]} details
 */
async function flood(session, [messages, bytes, form]) {
  const data = form === 'binary' ? new Uint8Array(Number(bytes)).fill(120) : 'x'.repeat(Number(bytes))
  const taker = socket
  await session.subscribe(session.id)
  for (let sent = 0; sent < Number(messages); sent += 1) {
    realtime.publish(session.id, data)
    if (sent % Math.ceil(turnBytes / Number(bytes)) > 0) continue
    await turn()
    if (taker?.writableNeedDrain) await once(taker, 'drain')
  }
}

const server = createServer()
server.on('upgrade', ({ socket: upgraded }) => {
  socket = upgraded
})
realtime.attach(server)
await answerParent(server, {
  async broadcast({ messages, bytes, everyMs }) {
    const text = 'x'.repeat(Number(bytes))
    for (let sent = 0; sent < Number(messages); sent += 1) {
      realtime.publish(topic, text)
      await sleep(Number(everyMs))
    }
    return {}
  },
})
