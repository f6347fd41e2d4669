/** Runs every experiment, or those that are named, writes `results.json`, and prints the table, which is also in the README. */
import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { run as afterReset } from './after-reset.mjs'
import { run as firstMessage } from './first-message.mjs'
import { run as gateway } from './gateway.mjs'
import { run as herd } from './herd.mjs'
import { run as killedAfterOpen } from './killed-after-open.mjs'
import { launchChromium } from './lib/chromium.mjs'
import { isReached, show } from './lib/report.mjs'
import { run as redisBroadcast } from './redis-broadcast.mjs'
import { run as redisEcho } from './redis-echo.mjs'
import { run as redisIdle } from './redis-idle.mjs'
import { run as sessionAfterReset } from './session-after-reset.mjs'
import { run as sessionBroadcast } from './session-broadcast.mjs'
import { run as sessionEcho } from './session-echo.mjs'
import { run as sessionFirstMessage } from './session-first-message.mjs'
import { run as sessionFramesSwallowed } from './session-frames-swallowed.mjs'
import { run as sessionHeap } from './session-heap.mjs'
import { run as sessionIdle } from './session-idle.mjs'
import { run as sessionIdlePage } from './session-idle-page.mjs'
import { run as sessionMemory } from './session-memory.mjs'
import { run as sessionReceiving } from './session-receiving.mjs'
import { run as sessionRestart } from './session-restart.mjs'
import { run as sessionSending } from './session-sending.mjs'
import { run as sessionSilentLink } from './session-silent-link.mjs'
import { run as throughput } from './throughput.mjs'
import { run as upgradeRefused } from './upgrade-refused.mjs'
import { run as upgradeSwallowed } from './upgrade-swallowed.mjs'

const plain = { firstMessage, upgradeRefused, upgradeSwallowed, killedAfterOpen, afterReset, herd, throughput }
const session = {
  sessionFirstMessage,
  sessionAfterReset,
  sessionSilentLink,
  sessionFramesSwallowed,
  sessionRestart,
  sessionReceiving,
  sessionSending,
  sessionEcho,
  sessionBroadcast,
  sessionMemory,
  sessionHeap,
  sessionIdlePage,
  sessionIdle,
}
const redis = { redisBroadcast, redisEcho, redisIdle }
const behind = { gateway }
/** @type {Map<string, () => Promise<import('./lib/report.mjs').Result>>} */
const experiments = new Map(
  Object.entries({ ...plain, ...session, ...redis, ...behind }).map(([name, run]) => [fileOf(name), run]),
)
const marks = /(<!-- results -->)[\s\S]*(<!-- end of results -->)/
const resultsFile = new URL('results.json', import.meta.url)
const readmeFile = new URL('README.md', import.meta.url)

const isOurs = (/** @type {string} */ client) => client.startsWith('steadfast')
const isRaw = (/** @type {string} */ client) => /^(websocket|eventsource|fetch|ws\b)/.test(client)

/**
 * The table in Markdown.
 * @param {import('./lib/report.mjs').Result[]} results
 */
function tableOf(results) {
  const lines = results.map(({ title, unit, rows, checks, measured }) => {
    /** @param {(client: string) => boolean} isMeant */
    const cell = (isMeant) =>
      rows
        .filter(({ client }) => isMeant(client))
        .map(({ client, value, spread }) => `${client}: **${value}**${spread ? ` (${spread})` : ''}`)
        .join('<br>')
    const reach = checks.map(({ reach, value, isMet }) => `${reach}: ${value} ${isMet ? '✓' : '**missed**'}`).join('<br>')
    const cells = [
      `${title} [${unit}]`,
      cell(isOurs),
      cell(isRaw),
      cell((client) => !isOurs(client) && !isRaw(client)),
      reach,
      measured,
    ]
    return `| ${cells.map((text) => text || '–').join(' | ')} |`
  })
  return ['| experiment | ours | raw | peers | reach | measured |', '|---|---|---|---|---|---|', ...lines].join('\n')
}

/** @param {string} name of a variable */
function fileOf(name) {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/**
 * @param {string} name
 * @param {() => Promise<import('./lib/report.mjs').Result>} run
 */
async function resultOf(name, run) {
  try {
    return await run()
  } catch (error) {
    console.error(error)
    return { name, title: name, unit: 'it broke', rows: [], checks: [{ reach: 'it runs', value: String(error), isMet: false }] }
  }
}

async function describeMachine() {
  const chromium = await launchChromium()
  await chromium.close()
  return `${chromium.product.replace('/', ' ')}, Node ${process.version}, ${availableParallelism()} cores`
}

const asked = process.argv.slice(2)
for (const name of asked) if (!experiments.has(name)) throw new Error(`${name} is none of ${[...experiments.keys()].join(', ')}.`)
const machine = await describeMachine()
const last = JSON.parse(await readFile(resultsFile, 'utf8'))
/** @type {Map<string, import('./lib/report.mjs').Result>} */
const known = new Map(last.results.map((/** @type {import('./lib/report.mjs').Result} */ result) => [result.name, result]))
const results = () => [...experiments.keys()].flatMap((name) => known.get(name) ?? [])
for (const [name, run] of experiments) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const result = await resultOf(name, run)
  show(result)
  known.set(name, { ...result, measured: `${new Date().toISOString().slice(0, 10)}, ${machine}` })
  // After each one, so that an interrupted run keeps its results.
  await write(results())
}
console.log(`\n${tableOf(results())}`)
// A failed experiment may have left a server running.
process.exit(results().every(isReached) ? 0 : 1)

/** @param {import('./lib/report.mjs').Result[]} results */
async function write(results) {
  await writeFile(resultsFile, `${JSON.stringify({ results }, null, 2)}\n`)
  const readme = await readFile(readmeFile, 'utf8')
  await writeFile(
    readmeFile,
    readme.replace(marks, (_, begin, end) => `${begin}\n${tableOf(results)}\n${end}`),
  )
}
