/**
 * Sessions on two node processes over one Redis, behind a load balancer without affinity. The feed comes from this process, which
 * publishes it as any service beside the nodes would.
 */
import { createClient } from 'redis'
import { redisStore } from 'steadfast/redis'
import { say } from './chat.mjs'
import { NodeProcess } from './node-process.mjs'
import { feedTopic } from './realtime.mjs'
import { startRedis } from './redis.mjs'
import { RoundRobin } from './round-robin.mjs'

const names = ['A', 'B']
/** How many keys of chat messages are remembered, to recognize a message that a second node reports again. */
const mostKeys = 1000
const publishAgainMs = 250

/** `onEnd(reason)` is called if Redis ends by itself, since the cluster cannot work without it. */
export async function startCluster(feed, { RealtimeServer }, onEnd) {
  const redis = await startRedis(onEnd)
  const keys = new Set()
  const nodes = names.map((name) => new NodeProcess(name, redis.port, sayOnce))
  const balancer = new RoundRobin(nodes)
  const store = redisStore({ client: createClient({ socket: { host: '127.0.0.1', port: redis.port } }) })
  const realtime = new RealtimeServer({ topics: store.topics, sessions: store.sessions })
  let isEnding = false
  /** The chain of publications: a message that is published again must not be overtaken by the next. */
  let published = Promise.resolve()
  feed.listen((message) => {
    published = published.then(() => publish(message))
  })
  await Promise.all(nodes.map((node) => node.start()))

  async function publish({ id, text }) {
    while (!isEnding) {
      try {
        return await realtime.publish(feedTopic, text, { key: String(id) })
      } catch {
        await new Promise((resolve) => setTimeout(resolve, publishAgainMs))
      }
    }
  }

  /** A node may die after it has reported a chat message, and another node then reports it again. */
  function sayOnce(json, key) {
    if (keys.has(key)) return
    keys.add(key)
    if (keys.size > mostKeys) keys.delete(keys.values().next().value)
    say(feed, json)
  }

  const processes = nodes.map(({ sight: { name, pid } }) => `node ${name} (process ${pid})`)
  return {
    lines: [`Sessions are on ${processes.join(' and ')}, over Redis on port ${redis.port} (process ${redis.pid}).`],
    handleRequest: (request, response, visitor) => balancer.handleRequest(request, response, visitor),
    handleUpgrade: (request, socket, head, visitor) => balancer.handleUpgrade(request, socket, head, visitor),
    endOf: (visitor, code, reason) => realtime.end(visitor, code, reason),
    close: () => Promise.all(nodes.map((node) => node.stop())),
    /** Starts all nodes; one that fails to start is restarted like a dead one. */
    reopen: () => Promise.allSettled(nodes.map((node) => node.start())),
    /** The states of the nodes as shown to this visitor, and the name of the node that carries their connection. */
    nodes: (visitor) => ({ nodes: nodes.map(({ sight }) => sight), carrier: balancer.carrierOf(visitor)?.name ?? null }),
    /** Kills the node that carries this visitor's connection, or else any running one. Resolves with its name. */
    async kill(visitor) {
      const node = balancer.carrierOf(visitor) ?? nodes.find(({ state }) => state === 'alive')
      return (await node?.kill()) ? node.name : null
    },
    /** Ends everything that was started here. */
    async end() {
      isEnding = true
      await Promise.all(nodes.map((node) => node.stop()))
      await realtime.close({ drainMs: 0 })
      await store.close()
      await redis.end()
    },
  }
}
