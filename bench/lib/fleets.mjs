/** Two nodes with one Redis, and their clients, in processes that are measured separately. */
import { setTimeout as sleep } from 'node:timers/promises'
import { startProcess } from './processes.mjs'
import { startRedis } from './redis-server.mjs'

const nodeCount = 2
const limitMs = 30_000
const socketIoPath = '/socket.io/?EIO=4&transport=websocket'

/**
 * @typedef {object} Fleet
 * @property {import('./redis-server.mjs').Redis} redis
 * @property {readonly import('./processes.mjs').Process[]} nodes
 * @property {import('./processes.mjs').Process} clients
 * @property {(count: number, perSecond?: number) => Promise<void>} open opens `count` clients at each node
 * @property {() => Promise<number>} nodeCpuMs the CPU time of all nodes so far
 * @property {(messages: number) => Promise<void>} received waits until the clients have received this many messages in total
 * @property {() => Promise<void>} stop
 */

/**
 * @param {string} kind the first argument of `fleet-node.mjs`
 * @param {string} [topic]
 * @returns {Promise<Fleet>}
 */
export async function startFleet(kind, topic = '') {
  const redis = await startRedis()
  const nodes = await Promise.all(
    Array.from({ length: nodeCount }, () => startProcess('fleet-node.mjs', [kind, redis.url, topic])),
  )
  const clients = await startProcess('many-sockets.mjs')
  const isPeer = kind.endsWith('adapter')
  return {
    redis,
    nodes,
    clients,
    async open(count, perSecond = 2_000) {
      const details = { count, perSecond, speech: isPeer ? 'socket.io' : 'session' }
      for (const { origin } of nodes) {
        const url = origin.replace('http', 'ws') + (isPeer ? socketIoPath : '/session')
        await clients.ask('open', { url, ...details })
      }
    },
    async nodeCpuMs() {
      const costs = await Promise.all(nodes.map((node) => node.ask('cpu')))
      return costs.reduce((sum, { ms }) => sum + Number(ms), 0)
    },
    async received(messages) {
      for (const end = Date.now() + limitMs; ; await sleep(20)) {
        const { messages: there } = await clients.ask('received')
        if (there === messages) return
        if (Date.now() > end || Number(there) > messages)
          throw new Error(`${there} of ${messages} messages arrived at the clients of ${kind}.`)
      }
    },
    async stop() {
      clients.stop()
      for (const node of nodes) node.stop()
      await redis.stop()
    },
  }
}
