import { fork } from 'node:child_process'
import { once } from 'node:events'
import { balancer } from './balancer.mjs'
import { startRedis } from './redis.mjs'

const startAgainMs = 3000

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit())

const REDIS_URL = process.env.REDIS_URL ?? (await startRedis())
const nodes = ['A', 'B'].map((name) => ({ name, port: null, process: null }))
await Promise.all(nodes.map(start))

const server = balancer(nodes)
server.listen(Number(process.env.PORT ?? 8080), 'localhost', () => console.log(`http://localhost:${server.address().port}`))

/** Starts a node in a process of its own, and restarts it whenever it ends. Resolves when it listens. */
async function start(node) {
  node.process = fork(`${import.meta.dirname}/node.mjs`, [node.name], { env: { ...process.env, REDIS_URL } })
  node.process.on('message', ({ port, kill }) => {
    if (port) node.port = port
    if (kill) nodes.find(({ name }) => name === kill)?.process.kill('SIGKILL')
  })
  node.process.once('exit', () => {
    node.port = null
    setTimeout(start, startAgainMs, node)
  })
  await once(node.process, 'message')
}
