// One node of a fleet, in a process of its own: a RealtimeServer over the stores that it is given. It writes what it has
// handled and published to a file at once, so that this is known of a killed process too.
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import * as kafka from '@platformatic/kafka'
import { createClient, createCluster } from 'redis'
import { kafkaTopics, platformaticKafka } from '../../src/kafka/index.ts'
import { type RedisClient, redisStore } from '../../src/redis/index.ts'
import { RealtimeServer } from '../../src/server/index.ts'

/** Where a node's stores are. */
export type StorePlace =
  | { readonly type: 'redis'; readonly port: number }
  | { readonly type: 'cluster'; readonly ports: readonly number[] }
  | { readonly type: 'kafka'; readonly redisPort: number; readonly broker: string; readonly topic: string }

export interface FleetNodeOptions {
  readonly life: string
  readonly port: number
  readonly store: StorePlace
  readonly logFile: string
  readonly publishEveryMs: number
}

const options: FleetNodeOptions = JSON.parse(process.argv[2] ?? '{}')
const { life, port, store, logFile, publishEveryMs } = options
const log = (...words: readonly (string | number | boolean)[]) => appendFileSync(logFile, `${words.join(' ')}\n`)

process.on('unhandledRejection', (error) => log('unhandled', String(error)))
process.on('uncaughtExceptionMonitor', (error) => log('uncaught', String(error)))

const onError = (error: unknown) => log('error', String(error))
const { topics, sessions, close } = storesAt(store)
const realtime = new RealtimeServer({
  topics,
  sessions,
  heartbeatMs: 2000,
  leaseMs: 3000,
  resumeWindowMs: 60_000,
  limits: { attachmentsPerSecond: 5000 },
  authenticate: (_, auth) => ({ id: String(auth) }),
  onSession: (session) => session.subscribe('news'),
  async onMessage(session, { data, redelivered }) {
    log('handled', session.principal.id, String(data), redelivered)
    await session.send(`echo ${data}`)
  },
  onError,
})
const server = createServer()
realtime.attach(server)
server.listen(port, '127.0.0.1', () => process.send?.('ready'))

let published = 0
const publishing = setInterval(() => {
  published += 1
  const message = published
  realtime.publish('news', `${life} ${message}`).then(
    () => log('published', message),
    () => {},
  )
}, publishEveryMs)
// The parent is gone, and nothing else would stop this process.
const orphaned = () => process.exit(0)
process.on('disconnect', orphaned)

/** Stops as in a deployment, and exits by itself: nothing may be left that keeps the process alive. */
process.on('message', async () => {
  clearInterval(publishing)
  await realtime.close({ drainMs: 2000 })
  server.close()
  await close()
  process.off('disconnect', orphaned)
  process.disconnect()
})

function storesAt(place: StorePlace) {
  if (place.type === 'redis') return redisStore({ client: redisAt(place.port) })
  if (place.type === 'cluster')
    return redisStore({
      client: createCluster({ rootNodes: place.ports.map((each) => ({ socket: { port: each, host: '127.0.0.1' } })) }),
    })
  const client = platformaticKafka(kafka, { clientId: life, bootstrapBrokers: [place.broker], timeoutMs: 3000 })
  const log = kafkaTopics({ client, topic: place.topic, onError })
  const redis = redisStore({ client: redisAt(place.redisPort) })
  const close = async () => {
    await Promise.all([log.close(), redis.close()])
  }
  return { topics: log, sessions: redis.sessions, close }
}

function redisAt(redisPort: number): RedisClient {
  return createClient({ socket: { port: redisPort, host: '127.0.0.1' } })
}
