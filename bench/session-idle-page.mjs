/**
 * How often an idle connection wakes its page: timers that fire, and frames received or sent, over some minutes after the
 * start. Each client has a page of its own and its defaults; all are measured at the same time. Ping and pong frames of the
 * WebSocket protocol are handled outside of the page, and do not wake it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { launchChromium } from './lib/chromium.mjs'
import { format, runAlone } from './lib/report.mjs'
import { startFeed, startSessions, startSocketIo } from './lib/servers.mjs'

const calmMs = 10_000
/** A common multiple of the clients' 25 s intervals and whole minutes. */
const minutes = Number(process.env['ROUNDS'] ?? 5)
const most = 6
const ourClient = 'steadfast, session over WebSocket'

/** In the page: counts timers and frames from now on. */
function countWakeUps() {
  const counts = { timers: 0, framesIn: 0, framesOut: 0 }
  const { setTimeout, setInterval, WebSocket } = window
  /** @param {TimerHandler} run @param {unknown[]} args */
  const counted = (run, args) => () => {
    counts.timers += 1
    if (typeof run === 'function') run(...args)
  }
  const replaced = {
    /** @param {TimerHandler} run @param {number} [ms] @param {unknown[]} args */
    setTimeout: (run, ms, ...args) => setTimeout(counted(run, args), ms),
    /** @param {TimerHandler} run @param {number} [ms] @param {unknown[]} args */
    setInterval: (run, ms, ...args) => setInterval(counted(run, args), ms),
    WebSocket: class extends WebSocket {
      /** @param {string} url @param {string | string[]} [protocols] */
      constructor(url, protocols) {
        super(url, protocols)
        this.addEventListener('message', () => {
          counts.framesIn += 1
        })
      }
      /** @param {Parameters<WebSocket['send']>[0]} data */
      send(data) {
        counts.framesOut += 1
        super.send(data)
      }
    },
  }
  Object.assign(window, replaced, { wakeUps: counts })
}

/** In the page: loads a client's script, after `countWakeUps`, since it may store globals. @param {string} source */
const load = (source) =>
  new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), { src: source, onload: () => resolve(null), onerror: reject })
    document.head.append(script)
  })

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const chromium = await launchChromium()
  const feed = await startFeed({ isQuiet: true })
  const sessions = await startSessions([feed.origin], { isQuiet: true })
  const socketIo = await startSocketIo()
  /** @type {[kind: string, server: { origin: string }, script?: string][]} */
  const kinds = [
    [ourClient, sessions, '/steadfast.js'],
    ['websocket', feed],
    ['socket.io, WebSocket only', socketIo, '/socket.io.js'],
  ]
  try {
    /** @type {{ kind: string, page: import('./lib/chromium.mjs').Page }[]} */
    const pages = []
    for (const [kind, { origin }, script] of kinds) {
      const page = await chromium.newPage()
      await page.goto(`${feed.origin}/page?client=none`)
      await page.evaluate(countWakeUps)
      if (script !== undefined) await page.evaluate(load, script)
      await page.evaluate((...args) => window.bench.crowd(...args), kind, origin, 1)
      pages.push({ kind, page })
    }
    await sleep(calmMs)
    const countsOf = () => Promise.all(pages.map(({ page }) => page.evaluate(() => ({ ...window.wakeUps }))))
    const before = await countsOf()
    await sleep(minutes * 60_000)
    const after = await countsOf()
    const perMinute = pages.map(({ kind }, index) => {
      /** @param {'timers' | 'framesIn' | 'framesOut'} what */
      const of = (what) => (Number(after[index]?.[what]) - Number(before[index]?.[what])) / minutes
      const [timers, framesIn, framesOut] = [of('timers'), of('framesIn'), of('framesOut')]
      return { kind, timers, framesIn, framesOut, all: timers + framesIn + framesOut }
    })
    const ours = perMinute.find(({ kind }) => kind === ourClient)?.all ?? Number.NaN
    return {
      name: 'session-idle-page',
      title: `Session: wake-ups of a page with an idle connection, over ${minutes} min`,
      unit: 'a minute',
      rows: perMinute.map(({ kind, timers, framesIn, framesOut, all }) => ({
        client: kind,
        value: `${format(all, 1)}: ${format(timers, 1)} timers, ${format(framesIn, 1)} frames in, ${format(framesOut, 1)} out`,
        median: all,
      })),
      checks: [{ reach: `≤ ${most} a minute`, value: format(ours, 1), isMet: ours <= most }],
    }
  } finally {
    await Promise.all([feed.close(), sessions.close(), socketIo.close()])
    await chromium.close()
  }
}

await runAlone(import.meta, run)
