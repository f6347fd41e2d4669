/**
 * Numbers both ways: the server sends 1, 2, 3, … to each client and the client to the server, and both record what arrives, so
 * that lost, repeated and reordered numbers can be counted. Every client has a proxy of its own.
 */
import { createServer } from 'node:http'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Server as SocketIoServer } from 'socket.io'
import { WebSocketServer } from 'ws'
import { built } from './build.mjs'
import { startProcess } from './processes.mjs'
import { startProxy } from './proxy.mjs'
import { listen } from './servers.mjs'

/** How long messages in flight may take after both sides have stopped sending. */
const settleMs = 2_000
/** Fewer than the default limit of a server. */
const idlePerSecond = 450

/** Wall-clock milliseconds, finer than `Date.now()`; the page counts them in the same way. */
export const now = () => performance.timeOrigin + performance.now()

/**
 * @typedef {object} Plan
 * @property {string} kind
 * @property {number} clients in one page
 * @property {number} downEveryMs how often the server sends
 * @property {number} upEveryMs how often the client sends
 * @property {Omit<import('./proxy.mjs').Faults, 'target'>} [faults]
 * @property {number} [idle] the number of other clients, in a process of their own, to which nothing is sent
 *
 * @typedef {{ lost: number, repeated: number, disordered: number }} Account
 *
 * @typedef {object} Party one client, its proxy, and the server's side of it
 * @property {import('./proxy.mjs').Proxy} proxy
 * @property {() => number} sent the last number that the server has sent it
 *
 * @typedef {object} Outcome
 * @property {number} startedAt when its client was created
 * @property {readonly Arrival[]} arrivals
 * @property {Account} down
 * @property {Account} up
 */

/** The server's side of one client. */
class Counterpart {
  sent = 0
  /** @type {number[]} */
  arrivals = []
  /** @type {(text: string) => void} */
  send = () => {}
  /** @type {NodeJS.Timeout | undefined} */
  #timer

  /** @param {number} everyMs */
  start(everyMs) {
    this.#timer ??= setInterval(() => {
      this.sent += 1
      this.send(String(this.sent))
    }, everyMs)
  }

  quiet() {
    clearInterval(this.#timer)
  }
}

/**
 * A server for this kind of client. Connections with the same `client` in the query belong to the same client.
 * @param {string} kind
 * @param {string} pages
 * @param {number} everyMs
 */
async function startCounterparts(kind, pages, everyMs) {
  /** @type {Map<string, Counterpart>} */
  const counterparts = new Map()
  /** @param {string} name */
  const counterpartOf = (name) => {
    const counterpart = counterparts.get(name) ?? new Counterpart()
    counterparts.set(name, counterpart)
    return counterpart
  }
  /** @param {string | undefined} url */
  const nameIn = (url) => new URL(url ?? '/', 'http://localhost').searchParams.get('client') ?? ''
  const server = createServer((_, response) => response.writeHead(404, { 'access-control-allow-origin': '*' }).end())
  if (kind.startsWith('steadfast')) {
    /** @type {typeof import('../../dist/server.js')} */
    const { RealtimeServer } = await import(built('server.js'))
    const realtime = new RealtimeServer({
      path: '/feed',
      origins: [pages],
      // Each idle client is another principal.
      authenticate: (request) => ({ id: nameIn(request.url) || `idle ${crypto.randomUUID()}` }),
      onSession(session) {
        if (session.principal.id.startsWith('idle')) return
        const counterpart = counterpartOf(session.principal.id)
        counterpart.send = (text) => void session.send(text)
        counterpart.start(everyMs)
      },
      onMessage(session, { data }) {
        counterpartOf(session.principal.id).arrivals.push(Number(data))
      },
    })
    realtime.attach(server)
  } else if (kind.startsWith('socket.io')) {
    const io = new SocketIoServer(server, {
      cors: { origin: '*' },
      connectionStateRecovery: { maxDisconnectionDuration: 120_000 },
    })
    io.on('connection', (socket) => {
      const name = String(socket.handshake.query['client'])
      const counterpart = counterpartOf(name)
      // Connection state recovery restores the rooms of a client.
      if (!socket.recovered) socket.join(name)
      counterpart.send = (text) => void io.to(name).emit('message', text)
      counterpart.start(everyMs)
      socket.on('message', (data) => counterpart.arrivals.push(Number(data)))
    })
  } else {
    new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket, request) => {
      const counterpart = counterpartOf(nameIn(request.url))
      socket.on('error', () => {})
      socket.on('message', (data) => counterpart.arrivals.push(Number(data)))
      counterpart.send = (text) => {
        if (socket.readyState === socket.OPEN) socket.send(text)
      }
      counterpart.start(everyMs)
    })
  }
  return { ...(await listen(server)), counterpartOf }
}

/**
 * @param {number} sent the last number sent
 * @param {readonly number[]} numbers the numbers that arrived
 * @returns {Account}
 */
function accountOf(sent, numbers) {
  const distinct = new Set(numbers)
  let disordered = 0
  for (const [index, number] of numbers.entries()) if (number < (numbers[index - 1] ?? 0)) disordered += 1
  return { lost: sent - distinct.size, repeated: numbers.length - distinct.size, disordered }
}

/**
 * Runs the exchange while `meddle` changes the proxies, then waits until all messages have arrived.
 * @param {import('./chromium.mjs').Chromium} chromium
 * @param {string} pages the origin of the pages
 * @param {Plan} plan
 * @param {(parties: Party[]) => Promise<void>} meddle
 * @returns {Promise<Outcome[]>}
 */
export async function exchange(chromium, pages, { kind, clients, downEveryMs, upEveryMs, faults = {}, idle = 0 }, meddle) {
  const server = await startCounterparts(kind, pages, downEveryMs)
  const others = idle > 0 ? await startProcess('many-sockets.mjs') : null
  const url = `${server.origin.replace('http', 'ws')}/feed`
  await others?.ask('open', { url, speech: 'session', count: idle, perSecond: idlePerSecond })
  const names = Array.from({ length: clients }, (_, index) => String(index))
  const proxies = await Promise.all(names.map(() => startProxy({ ...faults, target: server.port })))
  const page = await chromium.newPage()
  await page.goto(`${pages}/page?client=${encodeURIComponent(kind)}`)
  await page.evaluate(
    async (kind, origins, everyMs) => {
      window.exchanges = []
      for (const [client, origin] of origins.entries()) {
        window.exchanges.push(window.bench.exchange(kind, origin, `?client=${client}`, everyMs))
        // Chromium delays the dials of a page with many at the same time.
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
    },
    kind,
    proxies.map(({ origin }) => origin),
    upEveryMs,
  )
  const counterparts = names.map((name) => server.counterpartOf(name))
  await meddle(proxies.map((proxy, index) => ({ proxy, sent: () => counterparts[index]?.sent ?? 0 })))
  await page.evaluate(() => window.exchanges.forEach(({ quiet }) => void quiet()))
  for (const counterpart of counterparts) counterpart.quiet()
  await sleep(settleMs)
  const exchanged = await page.evaluate(() => window.exchanges.map(({ stop }) => stop()))
  await page.close()
  others?.stop()
  await Promise.all(proxies.map((proxy) => proxy.close()))
  await server.close()
  return exchanged.map(({ startedAt, sent, arrivals }, index) => {
    const counterpart = counterparts[index] ?? new Counterpart()
    return {
      startedAt,
      arrivals,
      down: accountOf(
        counterpart.sent,
        arrivals.map(({ number }) => number),
      ),
      up: accountOf(sent, counterpart.arrivals),
    }
  })
}

/**
 * The delay from the fault to the first message that was sent after it, and therefore over a new connection.
 * @param {Outcome | undefined} outcome
 * @param {{ at: number, sent: number }} fault
 * @returns {number | null} milliseconds
 */
export function returnedAfter(outcome, { at, sent }) {
  const first = outcome?.arrivals.find(({ number }) => number > sent)
  return first === undefined ? null : first.at - at
}

/** @param {readonly Outcome[]} outcomes */
export function sumOf(outcomes) {
  /** @param {(outcome: Outcome) => number} pick */
  const sum = (pick) => outcomes.reduce((total, outcome) => total + pick(outcome), 0)
  const lost = sum(({ down, up }) => down.lost + up.lost)
  const repeated = sum(({ down, up }) => down.repeated + up.repeated)
  const disordered = sum(({ down, up }) => down.disordered + up.disordered)
  return { lost, repeated, disordered, isClean: lost === 0 && repeated === 0 && disordered === 0 }
}

/** @param {ReturnType<typeof sumOf>} sum */
export const saySum = ({ lost, repeated, disordered }) =>
  `${lost} lost, ${repeated} repeated${disordered > 0 ? `, ${disordered} out of order` : ''}`
