import { createServer } from 'node:http'
import { json } from 'steadfast'
import { RealtimeServer, RequestError } from 'steadfast/server'
import { createServer as createVite } from 'vite'

const realtime = new RealtimeServer({
  codec: json(),
  keep: { messages: 60 },
  onSubscribe: (_session, topic) => topic.startsWith('metrics:'),
  onRequest(_session, { data }) {
    if (data?.action !== 'collect') throw new RequestError('unknown', 'There is no such action.')
    const freed = garbage.length
    garbage = []
    return freed
  },
})

/** One MiB is added every second, until a user drops it. */
let garbage = []
let last = process.cpuUsage()
const memory = () => process.memoryUsage().rss / 2 ** 20
setInterval(async () => {
  garbage.push(Buffer.alloc(2 ** 20, 1))
  if (garbage.length > 200) garbage = []
  const { user, system } = process.cpuUsage(last)
  last = process.cpuUsage()
  await realtime.publish('metrics:memory', memory())
  await realtime.publish('metrics:load', (user + system) / 10_000)
}, 1000)

const server = createServer((request, response) => vite.middlewares(request, response))
const vite = await createVite({ root: import.meta.dirname, server: { middlewareMode: true, hmr: { server } } })
realtime.attach(server)
server.listen(Number(process.env.PORT ?? 5173), 'localhost', () => console.log(`http://localhost:${server.address().port}`))
