/** Runs every experiment, writes `results.json`, and shows the table, which also goes into the README. */
import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { run as afterReset } from './after-reset.mjs'
import { run as firstMessage } from './first-message.mjs'
import { run as herd } from './herd.mjs'
import { run as killedAfterOpen } from './killed-after-open.mjs'
import { launchChromium } from './lib/chromium.mjs'
import { isReached, show } from './lib/report.mjs'
import { run as throughput } from './throughput.mjs'
import { run as upgradeRefused } from './upgrade-refused.mjs'
import { run as upgradeSwallowed } from './upgrade-swallowed.mjs'

const experiments = { firstMessage, upgradeRefused, upgradeSwallowed, killedAfterOpen, afterReset, herd, throughput }
const marks = /(<!-- results -->)[\s\S]*(<!-- end of results -->)/
const resultsFile = new URL('results.json', import.meta.url)
const readmeFile = new URL('README.md', import.meta.url)

const isOurs = (/** @type {string} */ client) => client.startsWith('steadfast')
const isRaw = (/** @type {string} */ client) => /^(websocket|eventsource)/.test(client)

/**
 * The table in Markdown.
 * @param {import('./lib/report.mjs').Result[]} results
 */
function tableOf(results) {
  const lines = results.map(({ title, unit, rows, checks }) => {
    /** @param {(client: string) => boolean} isMeant */
    const cell = (isMeant) =>
      rows
        .filter(({ client }) => isMeant(client))
        .map(({ client, value, spread }) => `${client}: **${value}**${spread ? ` (${spread})` : ''}`)
        .join('<br>')
    const reach = checks.map(({ reach, value, isMet }) => `${reach}: ${value} ${isMet ? '✓' : '**missed**'}`).join('<br>')
    const cells = [`${title} [${unit}]`, cell(isOurs), cell(isRaw), cell((client) => !isOurs(client) && !isRaw(client)), reach]
    return `| ${cells.map((text) => text || '–').join(' | ')} |`
  })
  return ['| experiment | ours | raw | peers | reach |', '|---|---|---|---|---|', ...lines].join('\n')
}

async function describeMachine() {
  const chromium = await launchChromium()
  await chromium.close()
  return `${chromium.product.replace('/', ' ')}, Node ${process.version}, ${availableParallelism()} cores`
}

/** @type {import('./lib/report.mjs').Result[]} */
const results = []
for (const [name, run] of Object.entries(experiments)) {
  const result = await run().catch((error) => {
    console.error(error)
    return { name, title: name, unit: 'it broke', rows: [], checks: [{ reach: 'it runs', value: String(error), isMet: false }] }
  })
  show(result)
  results.push(result)
}
const machine = await describeMachine()
const measured = new Date().toISOString().slice(0, 10)
await writeFile(resultsFile, `${JSON.stringify({ measured, machine, results }, null, 2)}\n`)
const table = tableOf(results)
const readme = await readFile(readmeFile, 'utf8')
await writeFile(
  readmeFile,
  readme.replace(marks, (_, begin, end) => `${begin}\nMeasured ${measured}: ${machine}.\n\n${table}\n${end}`),
)
console.log(`\n${table}`)
// An experiment that broke may have left a server behind.
process.exit(results.every(isReached) ? 0 : 1)
