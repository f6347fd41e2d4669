// The server of the endurance test, in a process and a heap of its own: it takes orders from its parent.
import { createServer } from 'node:http'
import { getActiveResourcesInfo, memoryUsage } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryStore, RealtimeServer } from '../../dist/server.js'

const resumeWindowMs = Number(process.argv[2])
const roomSize = 20

let made = 0
let over = 0
const errors = []

const server = new RealtimeServer({
  // Topics keep messages for 10 s, so that publications are freed again.
  ...memoryStore({ maxAgeMs: 10_000 }),
  heartbeatMs: 5000,
  resumeWindowMs,
  // All clients have one address, and all reconnect at once.
  limits: { attachmentsPerSecond: 2000, attachmentsPerSecondPerAddress: 2000 },
  onError: (error) => errors.push(String(error?.stack ?? error)),
  async onSession(session) {
    const room = `room-${Math.floor(made / roomSize) % 50}`
    made += 1
    await session.update({ room })
    await session.subscribe(room)
  },
  async onMessage(session, { data }) {
    await session.send(data)
    if (Math.random() < 0.02) await server.publish(session.data.room, `news ${'x'.repeat(Math.random() * 1000)}`)
    if (Math.random() < 0.1) await sleep(Math.random() * 50)
  },
  onEnd() {
    over += 1
  },
})

const http = createServer((_, response) => response.writeHead(404).end())
server.attach(http)
http.listen(0, '127.0.0.1', () => process.send({ port: http.address().port }))

/** Memory, handles and counters when nothing is in flight, after garbage collection. */
async function account() {
  // The store drops old messages only when it is used.
  await server.publish('nobody reads this', 'x')
  for (let round = 0; round < 4; round += 1) {
    globalThis.gc()
    await sleep(50)
  }
  const { heapUsed, external, arrayBuffers, rss } = memoryUsage()
  const resources = {}
  for (const name of getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  return { heapUsed, external, arrayBuffers, rss, resources, made, over, errors: errors.splice(0) }
}

process.on('message', async (order) => {
  if (order === 'account') process.send(await account())
  if (order === 'close') {
    await server.close({ drainMs: 0 })
    http.close()
    // From here on nothing may keep the process alive.
    process.disconnect()
  }
})
