/**
 * The demo: `node demo/server.mjs` (after `npm run build`) serves two pages, in session mode and in plain mode, with one live
 * feed over four transports, and buttons that inject faults. PORT (8080; if it is taken the next free one) and HOST
 * (127.0.0.1) select the address; `--open` opens the page in the user's browser. With `--redis` this process is a load
 * balancer for sessions, which run in two processes over a Redis that the demo starts.
 */
import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { Feed } from './feed.mjs'
import { faults, Harm } from './harm.mjs'
import { createLive } from './live.mjs'
import { openInBrowser } from './open-in-browser.mjs'
import { CannotStart, parseParameters } from './options.mjs'
import { createBackend, createSessions } from './session.mjs'

const host = process.env.HOST || '127.0.0.1'
const wantedPort = Number(process.env.PORT ?? 8080)
const downMs = 3000
/** A close code of the demo's own (4000 to 4999 are for applications); its page tells the client what it means. */
const endCode = 4402

const dist = new URL('../dist/', import.meta.url)
const pages = new URL('public/', import.meta.url)
// A fixed list, so that no path of a request ever becomes a file name.
const files = new Map([
  ...readdirSync(pages).map((name) => [name === 'index.html' ? '/' : `/${name}`, new URL(name, pages)]),
  ['/plain', new URL('index.html', pages)],
  // The remedies are not in the script file, and are loaded on demand.
  ...['steadfast.session.min.js', 'remedies.js'].flatMap((name) => [
    [`/${name}`, new URL(name, dist)],
    [`/${name}.map`, new URL(`${name}.map`, dist)],
  ]),
])
const contentTypes = { html: 'text/html', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml', map: 'application/json' }

const headers = {
  'Content-Security-Policy':
    "default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
}

let isStopping = false
let server
let restart
let backend
const { mayOpen, hasRedis } = await orExit(async () => parseParameters(process.argv.slice(2)))
const feed = new Feed()
const harm = new Harm()
const live = createLive(feed, harm)
backend = await orExit(async () => {
  const half = await serverHalf()
  if (!hasRedis) return createBackend(feed, half)
  const { startCluster } = await import('./cluster.mjs')
  return startCluster(feed, half, (reason) => {
    process.stderr.write(`The demo ends, since it has lost its Redis: ${reason}\n`)
    process.exitCode = 1
    if (backend) stop()
    else process.exit()
  })
})
const sessions = createSessions(harm, backend)
const connections = new Set()

function open(port) {
  server = createServer(answer)
  server.on('connection', (socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  server.on('upgrade', (request, socket, head) => {
    // From here on the socket has no other listeners, and an unhandled error would end the process.
    socket.on('error', () => {})
    const { path, query } = locate(request)
    if (path === '/live') live.upgrade(request, socket, head, query)
    else if (path === '/realtime') sessions.upgrade(request, socket, head, query)
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve(server.address().port))
  })
}

/** Stops listening, lets handlers of sessions finish, and drops all connections. */
async function shut() {
  server?.close()
  await backend.close()
  for (const socket of connections) socket.destroy()
}

/** A real restart: for three seconds every connection is refused, then the same port is listened on again. */
async function restartServer() {
  if (restart || isStopping || !server.listening) return
  const { port } = server.address()
  await shut()
  if (isStopping) return
  backend.reopen()
  restart = setTimeout(async function again() {
    try {
      await open(port)
      restart = undefined
      feed.append({ kind: 'chat', name: 'The server', text: 'I was restarted, and nobody lost a line.', tag: '' })
    } catch {
      // Another process has taken the port meanwhile. It may release it again.
      restart = setTimeout(again, 500)
    }
  }, downMs)
}

async function answer(request, response) {
  const { path, query } = locate(request)
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  // A page of another site must not restart the demo. Browsers send this header by themselves.
  if (request.headers['sec-fetch-site'] === 'cross-site' && path !== '/') response.writeHead(403).end()
  else if (path === '/live') live.answer(request, response, query)
  else if (path === '/realtime') sessions.answer(request, response, query)
  else if (path === '/harm') control(request, response, query)
  else if (path === '/nodes') answerJson(response, backend.nodes(query.get('visitor') ?? ''))
  else if (path === '/clock') answerJson(response, { now: Date.now() })
  else await serve(response, files.get(path))
}

/** Path and query, parsed by hand, since `new URL()` throws for malformed requests. */
function locate({ url }) {
  const [path, query] = url.split('?', 2)
  return { path, query: new URLSearchParams(query) }
}

/**
 * `POST /harm?visitor=…&fault=…&on=true|false`, `&fault=heal`, `&fault=end&mode=…`, `&fault=kill`, `&fault=restart`; `GET`
 * returns the faults that are set.
 */
async function control(request, response, query) {
  const visitor = query.get('visitor') ?? ''
  const fault = query.get('fault') ?? ''
  if (!/^[\w-]{1,64}$/.test(visitor)) return response.writeHead(400).end()
  if (request.method === 'POST') {
    if (fault === 'heal') harm.heal(visitor)
    else if (fault === 'end') (query.get('mode') === 'plain' ? live.end : backend.endOf)(visitor, endCode, 'the trial is over')
    else if (fault === 'kill') {
      if (!hasRedis) return answerJson(response, { error: 'There are nodes to kill if the demo was started with --redis.' }, 400)
      return answerJson(response, { faults: harm.of(visitor), killed: await backend.kill(visitor) })
    } else if (Object.hasOwn(faults, fault)) harm.set(visitor, fault, query.get('on') === 'true')
    else if (fault !== 'restart') return response.writeHead(400).end()
  }
  answerJson(response, { faults: harm.of(visitor) })
  // Only after the answer has been sent, since the restart would cut it off.
  if (fault === 'restart' && request.method === 'POST') response.once('finish', () => setTimeout(restartServer, 50))
}

function answerJson(response, value, status = 200) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(JSON.stringify(value))
}

async function serve(response, file) {
  const content = file && (await readFile(file).catch(() => undefined))
  if (!content) return response.writeHead(404, { 'Content-Type': 'text/plain' }).end('There is nothing here.\n')
  const type = contentTypes[file.pathname.split('.').at(-1)]
  response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-cache' }).end(content)
}

/** The exports of `steadfast/server`, resolved as a package, which must have been built. */
async function serverHalf() {
  try {
    return await import('steadfast/server')
  } catch (error) {
    process.stderr.write('dist/server.js does not load: run `npm run build` first.\n')
    throw error
  }
}

async function stop() {
  if (isStopping) return
  isStopping = true
  // Only if something still keeps the process alive.
  setTimeout(() => process.exit(), hasRedis ? 4000 : 1000).unref()
  clearTimeout(restart)
  feed.stop()
  await shut()
  await backend.end()
}

/** Prints what prevents the demo from starting in one line, without a stack. */
async function orExit(prepare) {
  try {
    return await prepare()
  } catch (error) {
    if (!(error instanceof CannotStart)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

async function openAnywhereNear(port) {
  for (const candidate of [port, ...Array.from({ length: 20 }, (_, i) => port + 1 + i), 0]) {
    try {
      return await open(candidate)
    } catch (error) {
      if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error
    }
  }
  throw new Error('no free port')
}

process.once('SIGINT', stop)
process.once('SIGTERM', stop)
const port = await openAnywhereNear(wantedPort)
feed.start()
if (!existsSync(files.get('/steadfast.session.min.js')))
  process.stderr.write('dist/steadfast.session.min.js is missing: run `npm run build` first.\n')
const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
const address = `http://${shown}:${port}/`
process.stdout.write(`The demo is at ${address}\n`)
for (const line of backend.lines ?? []) process.stdout.write(`${line}\n`)
if (wantedPort !== 0 && port !== wantedPort)
  process.stderr.write(`Port ${wantedPort} is taken or not allowed, so the demo listens on ${port}.\n`)
if (mayOpen) openInBrowser(address)
