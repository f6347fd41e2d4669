import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import express from 'express'
import session from 'express-session'
import { json } from 'steadfast'
import { memoryStore, RealtimeServer } from 'steadfast/server'

/** In place of a database, which would have a hash of each password. */
const users = new Map([
  ['ada', { id: 'ada', name: 'Ada', password: 'lovelace', logouts: 0 }],
  ['grace', { id: 'grace', name: 'Grace', password: 'hopper', logouts: 0 }],
])
const loginMs = Number(process.env.LOGIN_MS ?? 8 * 60 * 60 * 1000)

/** The user of a request; `null` without a login, after a logout in any browser, and when the login has expired. */
function userOf({ session: { login } }) {
  const user = users.get(login?.id)
  return user && login.logouts === user.logouts && login.expiresAt > Date.now() ? user : null
}

const sessions = session({
  secret: randomBytes(32).toString('hex'),
  resave: false,
  saveUninitialized: false,
  cookie: { sameSite: 'lax', maxAge: loginMs },
})

const realtime = new RealtimeServer({
  codec: json(),
  // The notes live as long as this process; `redisStore()` keeps them elsewhere.
  ...memoryStore({ maxAgeMs: Infinity, maxMessagesPerStream: 100 }),
  // Express's middleware does not run for WebSockets, so it is called here.
  authenticate: (request) =>
    new Promise((resolve, reject) => {
      sessions(request, {}, (error) => {
        if (error) return reject(error)
        const user = userOf(request)
        resolve(user && { id: user.id, expiresAt: request.session.login.expiresAt })
      })
    }),
  // Each page's topic `notes` contains the notes of its user.
  onSubscribe: ({ principal }, topic) => topic === 'notes' && { topic: `notes:${principal.id}` },
  onPublish: ({ principal }, topic, text) =>
    topic === 'notes' && { topic: `notes:${principal.id}`, data: String(text).slice(0, 500) },
})

const app = express()
const pages = { root: `${import.meta.dirname}/public`, headers: { 'Cache-Control': 'no-store' } }
app.use(sessions)
app.get('/', (request, response) => response.sendFile(userOf(request) ? 'notes.html' : 'login.html', pages))
app.get('/me', (request, response) => {
  const user = userOf(request)
  response.set('Cache-Control', 'no-store')
  if (user) response.json({ name: user.name })
  else response.sendStatus(401)
})

app.post('/login', express.urlencoded({ extended: false }), (request, response, next) => {
  const user = users.get(request.body?.name)
  if (!user || user.password !== request.body.password) return response.redirect('/#wrong')
  // A new session id, since an attacker may have planted the one from before the login.
  request.session.regenerate((error) => {
    if (error) return next(error)
    request.session.login = { id: user.id, logouts: user.logouts, expiresAt: Date.now() + loginMs }
    response.redirect('/')
  })
})

app.post('/logout', async (request, response) => {
  const user = userOf(request)
  if (user) {
    // First the cookies of all browsers, so that no page gets back in; then their connections.
    user.logouts += 1
    await realtime.end(user.id, 4401, 'logged out')
  }
  request.session.destroy(() => response.redirect('/'))
})

app.use('/steadfast', express.static(fileURLToPath(new URL('.', import.meta.resolve('steadfast/steadfast.session.min.js')))))
app.use(express.static(pages.root))

const server = app.listen(Number(process.env.PORT ?? 3000), 'localhost', () =>
  console.log(`http://localhost:${server.address().port}`),
)
realtime.attach(server)
