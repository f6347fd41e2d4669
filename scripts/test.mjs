// Everything that must hold, in one command. Each check counts as one, each test of vitest as one; the last line is the sum:
// `N passed, N failed, N skipped`. Under CI=true a skipped test is a failure too, since there nobody reads why.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checks, root, run } from './checks.mjs'

const isCI = Boolean(process.env.CI) && process.env.CI !== 'false'
const readme = () => (existsSync(`${root}/README.md`) ? readFileSync(`${root}/README.md`, 'utf8') : '')

const before = readme()
const results = [
  ...checks.map(run),
  run({ title: 'build', command: ['node', 'scripts/build.mjs'] }),
  run({ title: 'size', command: ['node', 'scripts/size.mjs'] }),
]
const isReadmeRight = readme() === before
if (!isReadmeRight) console.log('\nREADME.md carried another hash than the build has. It is rewritten: commit it.')
results.push({ title: 'the hash in README.md is that of the build', ok: isReadmeRight || !isCI })

const tests = runTests()
const ofChecks = (ok) => results.filter((result) => result.ok === ok).length
const sum = { passed: tests.passed + ofChecks(true), failed: tests.failed + ofChecks(false), skipped: tests.skipped }

console.log()
for (const { title } of results.filter(({ ok }) => !ok)) console.log(`failed: ${title}`)
for (const name of tests.skippedNames) console.log(`skipped: ${name}`)
process.exitCode = sum.failed > 0 || (isCI && sum.skipped > 0) ? 1 : 0
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)

function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'steadfast-test-'))
  const outputFile = join(folder, 'results.json')
  const { ok } = run({
    title: 'tests',
    command: ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`],
  })
  const counts = read(outputFile)
  rmSync(folder, { recursive: true })
  // A file that cannot be loaded, or an error outside any test, has no test of its own to fail.
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
      skippedNames: skipped.map(({ fullName }) => fullName),
    }
  } catch (error) {
    console.error(`no results of the tests: ${error.message}`)
    return { passed: 0, failed: 1, skipped: 0, skippedNames: [] }
  }
}

function passes({ status }) {
  return status === 'passed'
}

function fails({ status }) {
  return status === 'failed'
}
