import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { findChromium } from '../support/chromium.ts'
import { everything, hasWindows, isEquippedWith, missing, want } from '../support/equipment.ts'

/** What tests do on a machine that has only Node and npm, and the summary line that `.ci/run` prints last. */
const folder = mkdtempSync(join(tmpdir(), 'bare-machine-'))
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

describe('on a bare machine', () => {
  beforeEach(() => {
    vi.stubEnv('STEADFAST_ROOT', folder)
    vi.stubEnv('STEADFAST_LACKS', join(folder, 'lacks'))
    vi.stubEnv('STEADFAST_CHROMIUM', undefined)
    vi.stubEnv('CHROME_PATH', undefined)
    vi.stubEnv('CI', undefined)
  })

  it('a test that wants missing software is skipped with the command that installs it', async () => {
    const skip = vi.fn()
    await want({ skip } as never, 'nginx')
    expect(skip).toHaveBeenCalledWith('wants nginx: apt-get install nginx libnginx-mod-nchan')
    expect(readFileSync(join(folder, 'lacks'), 'utf8')).toBe('want nginx: apt-get install nginx libnginx-mod-nchan\n')
  })

  it('everything that tests can want is missing, except what comes with npm', async () => {
    vi.stubEnv('STEADFAST_CHROMIUM', 'none')
    vi.stubEnv('PATH', dirname(process.execPath))
    for (const what of everything) {
      if (!['the Chromium of an npm package', 'Next'].includes(what))
        expect(await missing(what)).toMatch(new RegExp(`^MISSING: ${what}: apt-get install `))
    }
  })

  it('under CI a test that wants missing software is not skipped', async () => {
    vi.stubEnv('CI', 'true')
    const skip = vi.fn()
    await want({ skip } as never, 'nginx')
    expect([await isEquippedWith('nginx'), skip.mock.calls]).toEqual([true, []])
  })

  it('the browser is the Chromium of an npm package, which has no windows', { timeout: 180_000 }, async () => {
    expect(hasWindows(await findChromium())).toBe(false)
    expect(await isEquippedWith('a Chromium with windows')).toBe(false)
    expect(hasWindows({ executablePath: '/usr/bin/chromium', env: {} })).toBe(true)
  })

  it('a test that wants software is run once that is installed', async () => {
    for (const path of ['usr/sbin/nginx', 'usr/lib/nginx/modules/ngx_nchan_module.so']) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), '')
    }
    const skip = vi.fn()
    await want({ skip } as never, 'nginx')
    expect(skip).not.toHaveBeenCalled()
  })
})

const starts =
  /import {[^}]*\b(startNchan|startNginx|startProxy|startProxied|startFirewall|launchChromium|findChromium|launchEngine|runLab|makeCertificates|startRedis|startRedisPair|startRedisCluster|startKafka|startSpring)\b[^}]*} from/
const asksFirst = /\b(want|useChromium|useEngine|useRedis\w*|useKafka|useSpring)\(/

it('every test file that starts an external program first checks that it is installed', () => {
  const tests = resolve(import.meta.dirname, '..')
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'))
  const starting = files.filter((name) => starts.test(readFileSync(join(tests, name), 'utf8')))
  expect(starting.length).toBeGreaterThan(10)
  expect(starting.filter((name) => !asksFirst.test(readFileSync(join(tests, name), 'utf8')))).toEqual([])
})

/** Test files, each with a piece of software that it wants. */
const wanting = [
  ['browser/nchan', 'a Chromium'],
  ['proxies/http2', 'a Chromium'],
  ['integration/firewall', 'ModSecurity in nginx'],
  ['integration/redis', 'redis-server'],
] as const

describe('npm test', () => {
  /** Runs these test files as if the machine had only Node, and not even the Chromium of an npm package. */
  async function runBare(CI: string, names: readonly string[]) {
    const [outputFile, lacks] = [join(folder, `results-${CI}.json`), join(folder, `lacks-${CI}`)]
    const root = resolve(import.meta.dirname, '../..')
    const bare = join(folder, 'bare')
    const files = names.map((name) => `test/${name}.test.ts`)
    const { HOME, TMPDIR } = process.env
    const env = {
      ...(HOME !== undefined && { HOME }),
      ...(TMPDIR !== undefined && { TMPDIR }),
      PATH: bare,
      CI,
      STEADFAST_ROOT: bare,
      STEADFAST_CHROMIUM: 'none',
      STEADFAST_LACKS: lacks,
    }
    const parameters = [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--retry=0',
      '--reporter=json',
      `--outputFile=${outputFile}`,
      ...files,
    ]
    const ran = await promisify(execFile)(process.execPath, parameters, { cwd: root, env }).then(
      () => true,
      () => false,
    )
    const results = JSON.parse(readFileSync(outputFile, 'utf8')) as Record<'numPassedTests' | 'numFailedTests', number>
    return { ran, ...results, lacks: existsSync(lacks) ? readFileSync(lacks, 'utf8') : '' }
  }

  it('on a bare machine skips tests that want software, and records what they want', { timeout: 120_000 }, async () => {
    const { ran, numFailedTests, lacks } = await runBare(
      'false',
      wanting.map(([name]) => name),
    )
    expect([ran, numFailedTests]).toEqual([true, 0])
    for (const [, what] of wanting) expect(lacks).toContain(`want ${what}: apt-get install `)
  })

  it('on a bare machine fails under CI', { timeout: 120_000 }, async () => {
    const { ran, numPassedTests, lacks } = await runBare('true', ['browser/tabs'])
    expect([ran, numPassedTests, lacks]).toEqual([false, 0, ''])
  })
})

describe.each([
  {
    first: '5 passed, 0 failed, 0 skipped',
    second: '7 passed, 0 failed, 0 skipped',
    sum: '12 passed, 0 failed, 0 skipped',
    status: 0,
  },
  {
    first: '4 passed, 1 failed, 2 skipped',
    second: '7 passed, 0 failed, 1 skipped',
    sum: '11 passed, 1 failed, 3 skipped',
    status: 1,
  },
  {
    first: '5 passed, 0 failed, 0 skipped',
    second: '6 passed, 2 failed, 0 skipped',
    sum: '11 passed, 2 failed, 0 skipped',
    status: 1,
  },
  { first: 'killed', second: '7 passed, 0 failed, 0 skipped', sum: '7 passed, 1 failed, 0 skipped', status: 1 },
])('.ci/run, after `$first` and `$second`', ({ first, second, sum, status }) => {
  it(`ends with ${sum}`, () => {
    const bin = mkdtempSync(join(folder, 'bin-'))
    const fails = (line: string) => (/ 0 failed/.test(line) ? 0 : 1)
    const tool = (name: string, lines: string) => {
      writeFileSync(join(bin, name), `#!/bin/sh\n${lines}\n`)
      chmodSync(join(bin, name), 0o755)
    }
    tool('dpkg-query', 'echo installed')
    const scripts = ['build-hubs', 'fetch-kafka', 'fetch-next', 'fetch-spring'].map((name) => `scripts/${name}.mjs`)
    tool('node', `case "$1" in ${scripts.join(' | ')}) ;; *) exit 9 ;; esac`)
    tool(
      'npm',
      `case "$*" in
  ci) ;;
  test) echo '${first}'; exit ${fails(first)} ;;
  'run test:all -- --rest') echo '${second}'; exit ${fails(second)} ;;
  *) exit 9 ;;
esac`,
    )
    let ended = 0
    let output = ''
    try {
      const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` }
      output = execFileSync('bash', [resolve(import.meta.dirname, '../../.ci/run')], { env, encoding: 'utf8' })
    } catch (error) {
      const { status: code, stdout } = error as { status: number; stdout: string }
      ended = code
      output = stdout
    }
    expect([output.trimEnd().split('\n').at(-1), ended]).toEqual([sum, status])
  })
})
