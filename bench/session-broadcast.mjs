/**
 * One topic to 1,000 sessions over WebSocket: deliveries per second of the server's CPU time, compared with a bare loop over
 * the sockets of `ws`. One message at a time, so that batching does not make it cheaper. The server and its 1,000 counting
 * clients are processes of their own.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { measurePairs, rateCheck } from './lib/pairs.mjs'
import { startProcess } from './lib/processes.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { summarize } from './lib/stats.mjs'

const sessions = 1_000
const messages = 200
const bytes = 100
const everyMs = 20
const least = 0.8
const rounds = { least: 5, most: 9, precision: 0.03 }
const limitMs = 20_000
const rawClient = 'ws'
const ourClient = 'steadfast'

/**
 * @param {boolean} isRaw
 * @returns {Promise<number>} milliseconds of the server's CPU time for one message to one session
 */
async function broadcast(isRaw) {
  const server = await (isRaw ? startProcess('raw-server.mjs') : startProcess('session-server.mjs', ['', 'news']))
  const clients = await startProcess('many-sockets.mjs')
  try {
    const url = server.origin.replace('http', 'ws') + (isRaw ? '/hold' : '/session')
    await clients.ask('open', { url, count: sessions, speech: isRaw ? 'raw' : 'session' })
    // The first one is a warm-up that all clients must receive, since sessions subscribe after they have opened.
    let expected = 0
    for (const count of [messages, messages]) {
      const before = await server.ask('cpu')
      await server.ask('broadcast', { messages: count, bytes, everyMs })
      expected += count * sessions
      await until(async () => (await clients.ask('received')).messages === expected)
      const after = await server.ask('cpu')
      if (expected === 2 * messages * sessions) return (Number(after['ms']) - Number(before['ms'])) / (count * sessions)
    }
    return Number.NaN
  } finally {
    clients.stop()
    server.stop()
  }
}

/** @param {() => Promise<boolean>} isDone */
async function until(isDone) {
  for (const end = Date.now() + limitMs; !(await isDone()); await sleep(20)) {
    if (Date.now() > end) throw new Error('Not all messages arrived.')
  }
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const { raw, ours, rates } = await measurePairs(
    rounds,
    () => broadcast(true),
    () => broadcast(false),
  )
  /** @param {string} client @param {number[]} costs */
  const row = (client, costs) => rowOf(client, summarize(costs.map((ms) => 1_000 / ms)))
  return {
    name: 'session-broadcast',
    title: `Session: broadcast of ${messages} messages of ${bytes} bytes to ${format(sessions)} sessions, one every ${everyMs} ms`,
    unit: 'messages delivered per second of the server’s CPU',
    rows: [row(rawClient, raw), row(ourClient, ours)],
    checks: [rateCheck('a bare loop over ws sockets', rates, least)],
  }
}

await runAlone(import.meta, run)
