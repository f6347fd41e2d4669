/**
 * The cost of 10,000 idle sessions: the CPU time of the server process over a minute, compared with socket.io and with bare
 * `ws` that pings as often. All three servers run at the same time with as many sockets each, so that other load affects all
 * alike. The clients are processes of their own, which answer every ping.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startProcess } from './lib/processes.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { median, summarize } from './lib/stats.mjs'

const count = Number(process.env['SESSIONS'] ?? 10_000)
const perSecond = 450
/** Longer than two heartbeats of each server, so that all are in a steady state before the measurement. */
const calmMs = 55_000
const minuteMs = 60_000
const minutes = Number(process.env['ROUNDS'] ?? 3)
const mostTimes = 0.6
const ourClient = 'steadfast, session'
const peerClient = 'socket.io'
const kinds = [
  { name: ourClient, program: 'restarting-server.mjs', args: ['steadfast'], path: '/session', speech: 'session' },
  {
    name: peerClient,
    program: 'restarting-server.mjs',
    args: ['socket.io'],
    path: '/socket.io/?EIO=4&transport=websocket',
    speech: 'socket.io',
  },
  { name: 'ws', program: 'raw-server.mjs', args: ['25000'], path: '/hold', speech: 'raw' },
]

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  /** @type {Map<string, number[]>} */
  const costs = new Map(kinds.map(({ name }) => [name, []]))
  let hungUp = 0
  const parties = await Promise.all(
    kinds.map(async ({ name, program, args, path, speech }) => {
      const server = await startProcess(program, args)
      return {
        name,
        server,
        clients: await startProcess('many-sockets.mjs'),
        url: server.origin.replace('http', 'ws') + path,
        speech,
      }
    }),
  )
  try {
    await Promise.all(parties.map(({ clients, url, speech }) => clients.ask('open', { url, speech, count, perSecond })))
    await sleep(calmMs)
    for (let minute = 0; minute < minutes; minute += 1) {
      const before = await Promise.all(parties.map(({ server }) => server.ask('cpu')))
      await sleep(minuteMs)
      const after = await Promise.all(parties.map(({ server }) => server.ask('cpu')))
      for (const [index, { name }] of parties.entries())
        costs.get(name)?.push(Number(after[index]?.['ms']) - Number(before[index]?.['ms']))
    }
    for (const { name, clients } of parties) if (name === ourClient) hungUp = Number((await clients.ask('received'))['closed'])
  } finally {
    for (const { clients, server } of parties) {
      clients.stop()
      server.stop()
    }
  }
  const peer = costs.get(peerClient) ?? []
  const times = median((costs.get(ourClient) ?? []).map((ms, index) => ms / (peer[index] ?? Number.NaN)))
  return {
    name: 'session-idle',
    title: `Session: ${format(count)} idle sessions on a node, for a minute`,
    unit: 'ms of the server’s CPU',
    rows: kinds.map(({ name }) => rowOf(name, summarize(costs.get(name) ?? []))),
    checks: [
      { reach: `≤ ${mostTimes} × socket.io`, value: `${format(times, 2)} ×`, isMet: times <= mostTimes },
      { reach: '0 hung up', value: format(hungUp), isMet: hungUp === 0 },
    ],
  }
}

await runAlone(import.meta, run)
