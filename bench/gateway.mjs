/**
 * A gateway between clients and a WebSocket server, compared with nginx and a bare proxy of `ws` in the same run: the latency
 * that each adds to the round trip of a single message, the message throughput, and the memory of an idle connection.
 * Everything is in Node, over WebSocket; the work of the client of `steadfast/socket` is included. `GATEWAY_SHARE=0.05`
 * measures a part of it.
 */
import { WebSocket } from 'ws'
import { built } from './lib/build.mjs'
import { startNginx } from './lib/gateway-nginx.mjs'
import { startProcess } from './lib/processes.mjs'
import { format, runAlone } from './lib/report.mjs'
import { median, quantile } from './lib/stats.mjs'

const share = Number(process.env.GATEWAY_SHARE ?? 1)
const rounds = 5
const plan = {
  warmUp: 300,
  echoes: Math.ceil(2_000 * share),
  flood: Math.ceil(100_000 * share),
  bytes: 100,
  connections: Math.ceil(1_000 * share),
}

/** @typedef {{ send(data: string): void, close(): void, addEventListener(type: string, listener: (event: any) => void): void }} Socket */

// Node 20 has no global WebSocket.
Object.assign(globalThis, { WebSocket })
/** @type {typeof import('../dist/socket.js')} */
const { webSocketOver } = await import(built('socket.js'))
const OurSocket = webSocketOver({ transports: ['websocket'] })

/** @param {string} kind @param {string} origin @returns {Promise<Socket>} */
async function connect(kind, origin) {
  const url = `${origin.replace('http', 'ws')}/realtime`
  /** @type {Socket} */
  const socket =
    kind === 'steadfast'
      ? /** @type {any} */ (new OurSocket(url))
      : /** @type {any} */ (new WebSocket(url, { perMessageDeflate: false }))
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('close', reject)
  })
  return socket
}

/** The round-trip time of each message, in microseconds. @param {Socket} socket */
async function echo(socket) {
  let heard = () => {}
  socket.addEventListener('message', () => heard())
  const text = 'x'.repeat(plan.bytes)
  /** @type {number[]} */
  const times = []
  for (let index = -Math.min(plan.warmUp, plan.echoes); index < plan.echoes; index += 1) {
    const startedAt = performance.now()
    const back = new Promise((resolve) => {
      heard = () => resolve(performance.now())
    })
    socket.send(text)
    const time = (await back) - startedAt
    if (index >= 0) times.push(time * 1_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return times
}

/** Messages per second from the backend to the client. @param {Socket} socket */
async function flood(socket) {
  let left = plan.flood
  const all = new Promise((resolve) => {
    socket.addEventListener('message', () => {
      left -= 1
      if (left === 0) resolve(undefined)
    })
  })
  const startedAt = performance.now()
  socket.send(`flood ${plan.flood} ${plan.bytes}`)
  await all
  return (plan.flood / (performance.now() - startedAt)) * 1_000
}

/**
 * The memory of an idle connection in the proxy process, in bytes.
 * @param {string} kind
 * @param {import('./lib/processes.mjs').Process} server
 */
async function memory(kind, server) {
  const before = await server.ask('memory')
  /** @type {Socket[]} */
  const sockets = []
  for (let made = 0; made < plan.connections; made += 50)
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => connect(kind, server.origin)))))
  const after = await server.ask('memory')
  for (const socket of sockets) socket.close()
  return ((after.rss ?? 0) - (before.rss ?? 0)) / sockets.length
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const backend = await startProcess('gateway-backend.mjs')
  const target = backend.origin.replace('http', 'ws')
  const servers = {
    direct: backend,
    nginx: await startNginx(backend.origin),
    ws: await startProcess('gateway-proxies.mjs', ['ws', target]),
    steadfast: await startProcess('gateway-proxies.mjs', ['steadfast', target]),
  }
  const kinds = /** @type {(keyof typeof servers)[]} */ (Object.keys(servers))
  /** @type {Record<string, { echoes: number[][], floods: number[], bytes: number[] }>} */
  const seen = Object.fromEntries(kinds.map((kind) => [kind, { echoes: [], floods: [], bytes: [] }]))
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of kinds) {
        const socket = await connect(kind, servers[kind].origin)
        seen[kind]?.echoes.push(await echo(socket))
        socket.close()
        const other = await connect(kind, servers[kind].origin)
        seen[kind]?.floods.push(await flood(other))
        other.close()
      }
    }
    for (const kind of kinds) if (kind !== 'direct') seen[kind]?.bytes.push(await memory(kind, servers[kind]))
    /** @param {string} kind @param {number} part */
    const timeOf = (kind, part) => median((seen[kind]?.echoes ?? []).map((times) => quantile(times, part)))
    const names = { direct: 'websocket, without a proxy', nginx: 'nginx', ws: 'proxy of ws', steadfast: 'steadfast gateway' }
    const rows = kinds.map((kind) => {
      const added = (/** @type {number} */ part) => format(timeOf(kind, part) - timeOf('direct', part))
      const times =
        kind === 'direct'
          ? `${format(timeOf(kind, 0.5))}, p99 ${format(timeOf(kind, 0.99))}`
          : `+${added(0.5)}, p99 +${added(0.99)}`
      const bytes = kind === 'direct' ? '' : `; ${format((seen[kind]?.bytes[0] ?? 0) / 1000, 1)} kB a connection`
      return {
        client: names[kind],
        value: `p50 ${times}; ${format(median(seen[kind]?.floods ?? []))} messages/s${bytes}`,
        median: timeOf(kind, 0.5),
      }
    })
    return {
      name: 'gateway',
      title: `Gateway: messages of ${plan.bytes} bytes there and back, ${rounds} runs of ${format(plan.echoes)}; ${format(plan.flood)} from the backend; ${format(plan.connections)} idle connections`,
      unit: 'µs, messages/s, kB',
      rows,
      checks: [],
    }
  } finally {
    for (const server of Object.values(servers)) await server.stop()
  }
}

await runAlone(import.meta, run)
