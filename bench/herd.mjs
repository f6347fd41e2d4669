/**
 * 1,000 clients lose a server at the same time; it is back after 10 s. A virtual clock, no browser: our clients are real ones
 * on a fake host, the others are simulated by their published schedules. Everything that reaches the server is counted in
 * fixed buckets of 100 ms from the loss on: the dials of each transport, and all requests (the dials of all transports, POSTs,
 * and follow-up questions). The limits concern the latter: clients have their defaults, and for a server the purpose of a
 * request makes no difference.
 */
import { built } from './lib/build.mjs'
import { format, runAlone } from './lib/report.mjs'
import { schedules } from './lib/schedules.mjs'
import { median, quantile, randomFrom } from './lib/stats.mjs'
import { openSession, VirtualClock, VirtualServer, virtualHost } from './lib/virtual.mjs'

const clientCount = 1_000
const seeds = [11, 23, 42, 77, 101]
const rttMs = 20
const calmMs = 20_000
const awayMs = 10_000
const watchMs = 60_000
const bucketMs = 100
const limits = { peak: 118, peakAfter: 45, backMs: 4_900, requests: 6 }
const sessionLimits = { ...limits, peak: 70 }
/** The rate of attachments that the session server announces, and the resulting retry window (rule 18 of the protocol). */
const attachmentsPerSecond = 500
const retryWindowMs = (clientCount / attachmentsPerSecond) * 1_000
/** Every transport has a URL of its own here, so that its dials can be counted. @type {import('../dist/index.js').RealtimeOptions['transports']} */
const allTransports = [
  'websocket',
  { type: 'sse', url: '/sse' },
  { type: 'long-poll', url: '/long-poll' },
  { type: 'poll', url: '/poll' },
]

/**
 * @typedef {object} Outcome
 * @property {number} peak the most dials of one transport in a bucket
 * @property {number} peakAfter the same, after the return
 * @property {number} backMs from the server's return until 99 % of the clients were back
 * @property {number} dials of the busiest transport per client, until the end
 * @property {number} requestPeak the most requests of every kind in a bucket
 * @property {number} requestPeakAfter the same, after the return
 * @property {number} requests of every kind per client, until the end
 */

/** A follow-up question about a failure is a request, but not a dial. */
const question = 'question'

/** @param {readonly number[]} times milliseconds from the loss */
function bucketsOf(times) {
  /** @type {number[]} */
  const buckets = new Array(watchMs / bucketMs + 1).fill(0)
  for (const at of times) buckets[Math.floor(at / bucketMs)] = (buckets[Math.floor(at / bucketMs)] ?? 0) + 1
  return buckets
}

/**
 * @param {Map<string, number[]>} requestsAt by transport or other kind: milliseconds from the loss
 * @param {number[]} backAt milliseconds from the loss, for each client that came back
 * @returns {Outcome}
 */
function outcomeOf(requestsAt, backAt) {
  const dials = [...requestsAt].flatMap(([kind, times]) => (kind === question ? [] : [times]))
  const counts = dials.map(bucketsOf)
  const all = [...requestsAt.values()].flat()
  const allCounts = bucketsOf(all)
  const late = [...backAt, ...new Array(clientCount - backAt.length).fill(Number.POSITIVE_INFINITY)]
  const afterReturn = awayMs / bucketMs
  return {
    peak: Math.max(...counts.flat()),
    peakAfter: Math.max(...counts.flatMap((buckets) => buckets.slice(afterReturn))),
    backMs: quantile(late, 0.99) - awayMs,
    dials: Math.max(...dials.map((times) => times.length)) / clientCount,
    requestPeak: Math.max(...allCounts),
    requestPeakAfter: Math.max(...allCounts.slice(afterReturn)),
    requests: all.length / clientCount,
  }
}

/**
 * Runs real clients on a virtual host.
 * @param {number} seed
 * @param {Variant} variant
 * @returns {Promise<Outcome>}
 */
async function runClients(seed, { options, greet }) {
  /** @type {typeof import('../dist/index.js')} */
  const { RealtimeClient } = await import(built('index.js'))
  const clock = new VirtualClock()
  /** @type {Map<string, number[]>} */
  const requestsAt = new Map()
  const server = new VirtualServer(
    clock,
    rttMs,
    (kind) => {
      const at = clock.now - calmMs
      if (at < 0) return
      const times = requestsAt.get(kind) ?? []
      times.push(at)
      requestsAt.set(kind, times)
    },
    greet,
  )
  /** @type {number[]} */
  const backAt = []
  const random = randomFrom(seed)
  const clients = Array.from({ length: clientCount }, () => {
    const host = virtualHost(clock, server, Math.floor(random() * 2 ** 32))
    const client = new RealtimeClient('https://server.example/feed', { ...options, autoConnect: false, host })
    client.addEventListener('open', () => {
      if (clock.now > calmMs) backAt.push(clock.now - calmMs)
    })
    clock.after((random() * calmMs) / 2, () => client.connect())
    return client
  })
  await clock.runUntil(calmMs)
  server.goAway()
  await clock.runUntil(calmMs + awayMs)
  server.isUp = true
  await clock.runUntil(calmMs + watchMs)
  for (const client of clients) client.close()
  return outcomeOf(requestsAt, backAt)
}

/**
 * Runs a published schedule without a client.
 * @param {number} seed
 * @param {(random: () => number) => () => number} makeSchedule
 * @returns {Outcome}
 */
function runSchedule(seed, makeSchedule) {
  const random = randomFrom(seed)
  /** @type {number[]} */
  const dials = []
  /** @type {number[]} */
  const backAt = []
  for (let client = 0; client < clientCount; client += 1) {
    const next = makeSchedule(random)
    for (let at = next(); at < watchMs; at += rttMs + next()) {
      dials.push(at)
      if (at < awayMs) continue
      backAt.push(at + 2 * rttMs)
      break
    }
  }
  return outcomeOf(new Map([['websocket', dials]]), backAt)
}

/**
 * @typedef {object} Variant
 * @property {string} name
 * @property {import('../dist/index.js').RealtimeOptions} options
 * @property {import('./lib/virtual.mjs').Greet} [greet]
 * @property {typeof limits} limits
 */

/** @param {string} client @param {Outcome[]} outcomes */
function summarizeOutcomes(client, outcomes) {
  /** @param {(outcome: Outcome) => number} pick */
  const of = (pick) => median(outcomes.map(pick))
  const summary = {
    peak: of(({ peak }) => peak),
    peakAfter: of(({ peakAfter }) => peakAfter),
    backMs: of(({ backMs }) => backMs),
    requestPeak: of(({ requestPeak }) => requestPeak),
    requestPeakAfter: of(({ requestPeakAfter }) => requestPeakAfter),
    requestsEach: of((outcome) => outcome.requests),
  }
  const dials = format(
    of((outcome) => outcome.dials),
    1,
  )
  const requests = format(
    of((outcome) => outcome.requests),
    1,
  )
  const seconds = Number.isFinite(summary.backMs) ? `${format(summary.backMs / 1_000, 1)} s` : 'never'
  const value = `${format(summary.peak)} / ${format(summary.peakAfter)} / ${seconds}, ${dials} dials each; every request: ${format(summary.requestPeak)} / ${format(summary.requestPeakAfter)}, ${requests} each`
  const spread = `peaks ${outcomes.map(({ peak }) => peak).join(' ')}, of every request ${outcomes.map((each) => each.requestPeak).join(' ')}`
  return { ...summary, row: { client, value, median: summary.peak, spread } }
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const greet = openSession(retryWindowMs)
  /** @type {typeof import('../dist/session.js')} */
  const { session: sessionProtocol } = await import(built('session.js'))
  const session = { protocol: sessionProtocol() }
  /** @type {Variant[]} */
  const variants = [
    { name: 'steadfast, WebSocket only', options: { transports: ['websocket'] }, limits },
    { name: 'steadfast, all transports', options: { transports: allTransports }, limits },
    {
      name: 'steadfast, session, WebSocket only',
      options: { ...session, transports: ['websocket'] },
      greet,
      limits: sessionLimits,
    },
    {
      name: 'steadfast, session, all transports',
      options: { ...session, transports: allTransports },
      greet,
      limits: sessionLimits,
    },
  ]
  /** @type {import('./lib/report.mjs').Row[]} */
  const rows = []
  /** @type {import('./lib/report.mjs').Check[]} */
  const checks = []
  for (const variant of variants) {
    const { name, limits } = variant
    /** @type {Outcome[]} */
    const outcomes = []
    for (const seed of seeds) outcomes.push(await runClients(seed, variant))
    const { requestPeak: peak, requestPeakAfter: peakAfter, requestsEach, backMs, row } = summarizeOutcomes(name, outcomes)
    rows.push(row)
    checks.push(
      { reach: `peak of every request ≤ ${limits.peak}, ${name}`, value: format(peak), isMet: peak <= limits.peak },
      {
        reach: `of every request after the return ≤ ${limits.peakAfter}, ${name}`,
        value: format(peakAfter),
        isMet: peakAfter <= limits.peakAfter,
      },
      {
        reach: `≤ ${limits.requests} requests each, ${name}`,
        value: format(requestsEach, 1),
        isMet: requestsEach <= limits.requests,
      },
      { reach: `99 % back within ${limits.backMs} ms, ${name}`, value: `${format(backMs)} ms`, isMet: backMs <= limits.backMs },
    )
  }
  for (const [name, makeSchedule] of Object.entries(schedules)) {
    rows.push(
      summarizeOutcomes(
        name,
        seeds.map((seed) => runSchedule(seed, makeSchedule)),
      ).row,
    )
  }
  return {
    name: 'herd',
    title: `${format(clientCount)} clients lose a server for ${awayMs / 1_000} s (virtual clock, seeds ${seeds.join(' ')})`,
    unit: `most dials in ${bucketMs} ms / after the return / until 99 % were back`,
    rows,
    checks,
  }
}

await runAlone(import.meta, run)
