import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { json } from 'steadfast'
import { RealtimeServer } from 'steadfast/server'
import { createServer as createVite } from 'vite'

/** The names of users who have logged in, by the value of the cookie. */
const names = new Map()
const nameOf = ({ headers }) => names.get(/(?:^|; )chat=([^;]+)/.exec(headers.cookie ?? '')?.[1])

const realtime = new RealtimeServer({
  codec: json(),
  keep: { messages: 200 },
  authenticate(request) {
    const name = nameOf(request)
    return name ? { id: name } : null
  },
  presence: ({ principal }) => principal.id,
  onSubscribe: (_session, topic) => topic.startsWith('room:'),
  onPublish: ({ principal }, _topic, text) => ({ data: { from: principal.id, text: String(text).slice(0, 1000) } }),
})

const server = createServer((request, response) => {
  const [path, query] = request.url.split('?')
  if (path !== '/login') return vite.middlewares(request, response)
  if (request.method !== 'POST') return response.end(nameOf(request))
  const id = randomUUID()
  names.set(id, new URLSearchParams(query).get('name')?.trim().slice(0, 30))
  response.writeHead(204, { 'Set-Cookie': `chat=${id}; Path=/; HttpOnly; SameSite=Strict` }).end()
})
const vite = await createVite({ root: import.meta.dirname, server: { middlewareMode: true, hmr: { server } } })
realtime.attach(server)
server.listen(Number(process.env.PORT ?? 5173), 'localhost', () => console.log(`http://localhost:${server.address().port}`))
