/**
 * A program: the same as `raw-server.mjs`, with `RealtimeServer` and its default store. A message selects the action: `flood`,
 * `sink`, or anything else, which is echoed. The first argument is the origin of the pages, the second a topic for every
 * session.
 */
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { built } from './build.mjs'
import { answerParent } from './processes.mjs'
import { textOf } from './texts.mjs'

const [origin = '', topic = ''] = process.argv.slice(2)
/** @type {typeof import('../../dist/server.js')} */
const { RealtimeServer } = await import(built('server.js'))

const noLimit = 1e9
/** How many messages are still expected, by session. */
const sinks = new Map()

const realtime = new RealtimeServer({
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
  },
})

/**
 * Sends as fast as the client reads: `send` resolves late when much is unread.
 * @param {import('../../dist/server.js').Session} session
 * @param {readonly string[]} details
 */
async function flood(session, [messages, bytes, form]) {
  const size = Number(bytes)
  const binary = new Uint8Array(size).fill(120)
  for (let sent = 0; sent < Number(messages); sent += 1) await session.send(form === 'binary' ? binary : textOf(sent, size))
}

const server = createServer()
realtime.attach(server)
await answerParent(server, {
  async broadcast({ messages, bytes, everyMs }) {
    for (let sent = 0; sent < Number(messages); sent += 1) {
      realtime.publish(topic, textOf(sent, Number(bytes)))
      await sleep(Number(everyMs))
    }
    return {}
  },
})
