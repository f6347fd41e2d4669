// Runs checks and tests. `npm test` runs the checks, the build and the quick part of the tests (see vitest.config.ts), `--all`
// (`npm run test:all`) all tests, and `--all --rest` only what `npm test` leaves out, without the checks. Each check and each
// test counts as one; the last line is the sum: `N passed, N failed, N skipped`. Under CI=true skipped tests count as
// failures.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { checks, root, run, runTogether } from './checks.mjs'

const flags = process.argv.slice(2)
const unknown = flags.find((flag) => !['--all', '--rest'].includes(flag))
if (unknown !== undefined) {
  console.error(`${unknown} is unknown: there are --all and --rest. A single file: npx vitest run --project unit <file>`)
  process.exit(1)
}
const part = flags.includes('--rest') ? 'rest' : flags.includes('--all') ? 'all' : 'quick'
const isCI = Boolean(process.env.CI) && process.env.CI !== 'false'
const readme = () => (existsSync(`${root}/README.md`) ? readFileSync(`${root}/README.md`, 'utf8') : '')

const results = part === 'rest' ? builtBefore() : await checkAndBuild()
const tests = runTests()
const ofChecks = (ok) => results.filter((result) => result.ok === ok).length
const sum = { passed: tests.passed + ofChecks(true), failed: tests.failed + ofChecks(false), skipped: tests.skipped }

console.log()
for (const { title } of results.filter(({ ok }) => !ok)) console.log(`failed: ${title}`)
for (const name of tests.failedNames) console.log(`failed: ${name}`)
for (const name of tests.skippedNames) console.log(`skipped: ${name}`)
for (const line of tests.lacks) console.log(`skipped: ${line}`)
if (part === 'quick')
  console.log('This was the quick part; `npm run test:all` runs every test, in three browsers and behind five proxies.')
else if (tests.skipped > 0) console.log('`.ci/run` names the packages of Debian that every test together wants.')
process.exitCode = sum.failed > 0 || (isCI && sum.skipped > 0) ? 1 : 0
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)

async function checkAndBuild() {
  const before = readme()
  const build = { title: 'build', command: ['node', 'scripts/build.mjs'] }
  // The build takes longest, so it starts first.
  const results = await runTogether([build, ...checks])
  results.push(run({ title: 'size', command: ['node', 'scripts/size.mjs'] }))
  const isReadmeRight = readme() === before
  if (!isReadmeRight) console.log('\nREADME.md carried another hash than the build has. It is rewritten: commit it.')
  return [...results, { title: 'the hash in README.md is that of the build', ok: isReadmeRight || !isCI }]
}

/** Builds for `--rest` if `npm test` has not built already. */
function builtBefore() {
  return existsSync(`${root}/dist/integrity.json`) ? [] : [run({ title: 'build', command: ['node', 'scripts/build.mjs'] })]
}

function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'steadfast-test-'))
  const outputFile = join(folder, 'results.json')
  const lacksFile = join(folder, 'lacks')
  Object.assign(process.env, { STEADFAST_TESTS: part, STEADFAST_LACKS: lacksFile })
  const { ok } = run({
    title: 'tests',
    command: ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`],
  })
  const counts = { ...read(outputFile), lacks: lacksIn(lacksFile) }
  rmSync(folder, { recursive: true })
  // A file that cannot be loaded, or an error outside of any test, fails no test, so it is counted here.
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 }
}

function read(outputFile) {
  try {
    const { testResults } = JSON.parse(readFileSync(outputFile, 'utf8'))
    const all = testResults.flatMap(({ assertionResults }) => assertionResults)
    const broken = testResults.filter(({ status, assertionResults }) => status === 'failed' && !assertionResults.some(fails))
    const skipped = all.filter((each) => !passes(each) && !fails(each))
    return {
      passed: all.filter(passes).length,
      failed: all.filter(fails).length + broken.length,
      skipped: skipped.length,
      failedNames: [
        ...all.filter(fails).map(({ fullName, failureMessages }) => `${fullName}: ${beginningOf(failureMessages.at(-1))}`),
        ...broken.map(({ name, message }) => `${name}: ${beginningOf(message)}`),
      ],
      skippedNames: skipped.map(({ fullName }) => fullName),
    }
  } catch (error) {
    console.error(`no results of the tests: ${error.message}`)
    return { passed: 0, failed: 1, skipped: 0, failedNames: [outputFile], skippedNames: [] }
  }
}

/** The message of an error in one line, without its stack trace. */
function beginningOf(message = '') {
  const [text] = stripVTControlCharacters(message).split('\n    at ')
  return text.replace(/\s+/g, ' ').slice(0, 500)
}

/** The missing software, counted by the tests that were skipped for it. */
function lacksIn(file) {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  const count = (line) => lines.filter((each) => each === line).length
  return [...new Set(lines)].map((line) => `${count(line)} ${count(line) === 1 ? 'test' : 'tests'} ${line}`)
}

function passes({ status }) {
  return status === 'passed'
}

function fails({ status }) {
  return status === 'failed'
}
