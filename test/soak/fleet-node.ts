// One node of a fleet, in a process of its own: a RealtimeServer over Redis. What it has handled and published is in a file, written
// before anything else happens, so that it is known of a process that was killed.
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createClient } from 'redis'
import { redisStore } from '../../src/redis/index.ts'
import { RealtimeServer } from '../../src/server/index.ts'

export interface FleetNodeOptions {
  readonly life: string
  readonly port: number
  readonly redisPort: number
  readonly logFile: string
  readonly publishEveryMs: number
}

const options: FleetNodeOptions = JSON.parse(process.argv[2] ?? '{}')
const { life, port, redisPort, logFile, publishEveryMs } = options
const log = (...words: readonly (string | number | boolean)[]) => appendFileSync(logFile, `${words.join(' ')}\n`)

process.on('unhandledRejection', (error) => log('unhandled', String(error)))
process.on('uncaughtExceptionMonitor', (error) => log('uncaught', String(error)))

const store = redisStore({ client: createClient({ socket: { port: redisPort, host: '127.0.0.1' } }) })
const realtime = new RealtimeServer({
  ...{ topics: store.topics, sessions: store.sessions, heartbeatMs: 2000, leaseMs: 3000, resumeWindowMs: 60_000 },
  limits: { attachmentsPerSecond: 5000 },
  authenticate: (_, auth) => ({ id: String(auth) }),
  onSession: (session) => session.subscribe('news'),
  async onMessage(session, { data, redelivered }) {
    log('handled', session.principal.id, String(data), redelivered)
    await session.send(`echo ${data}`)
  },
  onError: (error) => log('error', String(error)),
})
const server = createServer()
realtime.attach(server)
server.listen(port, '127.0.0.1', () => process.send?.('ready'))

let published = 0
setInterval(() => {
  published += 1
  const message = published
  realtime.publish('news', `${life} ${message}`).then(
    () => log('published', message),
    () => {},
  )
}, publishEveryMs)
// Nobody is left who would stop it.
process.on('disconnect', () => process.exit(0))
