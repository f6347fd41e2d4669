// The size of each purpose of the client's sources in the files that a page loads: the table of
// docs/decisions/12-what-a-page-pays.md.
import { sizeOf, sizesBy } from './stretches.mjs'

/** The sources of each purpose; of several that match, the first counts. */
const purposes = [
  [
    'calls and topics',
    /^src\/(session\/(calls|call-|server-call|topic|shared-topic)|client\/calling-client|sending\/pending-call|wire\/(calls|request-error))/,
  ],
  ['a reload of the page', /^src\/session\/(tab-keeper|snapshot|stored-session|store-history)/],
  ['session mode', /^src\/(session|wire)\//],
  ['the machine', /^src\/connection\/machine\//],
  ['report and debug', /^src\/(client\/(report|debug)|connection\/attempt-log|diagnosis\/safe-evidence)/],
  ['checks of options', /^src\/(client\/(settings|lazy-url|defaults)|util\/(check-options|suggest|http-fields))/],
  ['verdicts', /^src\/diagnosis\/(basic|verdicts|classifier|ending)/],
  ['diagnosis', /^src\/diagnosis\//],
  ['WebSocket', /^src\/transports\/websocket/],
  ['SSE, long-poll and poll', /^src\/transports\/(sse|event-stream|polling|poll-loop|http|body|host-question)/],
  ['what transports share, plain()', /^src\/(transports|protocols)\//],
  ['sending in plain mode', /^src\/sending\//],
  ['the browser as a port', /^src\/host\//],
  ['the client', /^src\/(client|util|[\w-]+\.ts)/],
  ['the shell of the machine', /^src\/connection\//],
]

/**
 * Prints a table: the size of each purpose in each of several files, in kB after gzip -9.
 * @param {{ name: string, code: string, stretches: { source: string, text: string }[] }[]} files
 */
export function printPurposes(files) {
  const columns = files.map(({ name, code, stretches }) => ({ name, whole: sizeOf(code), sizes: sizesBy(purposeOf, stretches) }))
  const row = (name, cells) => console.log(`| ${[name, ...cells].join(' | ')} |`)
  row(
    'kB after gzip -9',
    columns.map(({ name }) => name),
  )
  row('---', [...columns.map(() => '---')])
  for (const [purpose] of purposes)
    row(
      purpose,
      columns.map(({ sizes }) => inKilobytes(sizes.get(purpose) ?? 0)),
    )
  row(
    'what several have in common, and the bundler',
    columns.map(({ whole, sizes }) => inKilobytes(whole - sumOf(sizes))),
  )
  row(
    'all of it',
    columns.map(({ whole }) => inKilobytes(whole)),
  )
}

function purposeOf(source) {
  const [purpose] = purposes.find(([, pattern]) => pattern.test(source)) ?? []
  if (!purpose && source.startsWith('src/')) throw new Error(`${source} serves no purpose that scripts/size-by-purpose.mjs names`)
  return purpose ?? 'the bundler'
}

function sumOf(sizes) {
  return purposes.reduce((sum, [purpose]) => sum + (sizes.get(purpose) ?? 0), 0)
}

function inKilobytes(bytes) {
  return bytes ? (bytes / 1000).toFixed(2) : '–'
}
