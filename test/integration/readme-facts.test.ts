import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Evidence, Finding } from '../../src/api/evidence.ts'
import { withDefaults } from '../../src/client/defaults.ts'
import { settingsOf } from '../../src/client/settings.ts'
import { diagnose } from '../../src/diagnosis/diagnose.ts'
import { hostNames } from '../../src/host/browser.ts'
import { RealtimeClient } from '../../src/index.ts'
import { RealtimeServer } from '../../src/server/index.ts'
import { defaultLimits } from '../../src/server/limits.ts'
import { settingsOf as serverSettingsOf } from '../../src/server/settings.ts'
import { manualPage } from '../support/manual-host.ts'
import { documentation, pages, pagesIn, tableOf } from '../support/readme.ts'
import { carriedBy, type Member, membersOf, methodsOf, variantsOf } from '../support/readme-facts.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

const optionTypes = [
  ['', 'RealtimeOptions'],
  ['retry.', 'RetrySchedule'],
  ['heartbeat.', 'Heartbeat'],
  ['outbox.', 'OutboxLimits'],
  ['transports[].', 'Place'],
  ['transports[].', 'HttpPlace'],
  ['transports[].', 'TransportSettings'],
] as const

/** Every option with its default, as `src/api/options.ts` documents it. */
const options: readonly Member[] = optionTypes.flatMap(([prefix, type]) =>
  membersOf('src/api/options.ts', type)
    .filter(({ name }) => name !== 'type')
    .map(({ name, defaultValue }) => ({ name: prefix + name, defaultValue })),
)

describe('the documented client options', () => {
  const rows = tableOf(documentation, 'option')

  it('are those of src/api/options.ts', () => {
    expect(rows.map(({ option }) => option).sort()).toEqual(options.map(({ name }) => name).sort())
  })

  it('are all named in the error for an unknown option', () => {
    const attempt = () => new RealtimeClient('http://localhost', { unknown: true } as object)
    const known = rows.map(({ option = '' }) => option).filter((option) => !/[.[]/.test(option))
    for (const option of known) expect(attempt).toThrow(new RegExp(`\\b${option}\\b`))
  })

  it.each(rows)('$option: has the default documented in src/api/options.ts', ({ option, default: shown = '' }) => {
    expectDefault(shown, options.find(({ name }) => name === option)?.defaultValue)
  })

  it("are in milliseconds if and only if their name ends in 'Ms'", () => {
    for (const { option = '', unit } of rows) expect(unit === 'ms', option).toBe(option.endsWith('Ms'))
  })

  it('have the defaults that the client uses', () => {
    const { host } = manualPage({ random: 1 })
    const settings = settingsOf('https://app.example', { ...withDefaults({}), heartbeat: {} }, host, hostNames)
    const { outbox, mode, connectTimeoutMs, provingMs, credentials } = settings
    const diagnosis = diagnose({ kind: 'timeout', phase: 'connect', transport: 'sse', elapsedMs: 0, isOnline: true })
    const wait = (attempt: number, outageMs: number) => settings.retry({ attempt, outageMs, diagnosis })
    const taken = {
      ...prefixed('outbox.', outbox),
      ...prefixed('heartbeat.', mode.heartbeat() ?? {}),
      connectTimeoutMs,
      provingMs,
      credentials,
      'retry.minDelayMs': wait(1, 0),
      'retry.factor': Number(wait(2, 0)) / Number(wait(1, 0)),
      'retry.maxDelayMs': wait(99, 120_000),
    }
    for (const [name, value] of Object.entries(taken)) {
      const shown = rows.find(({ option }) => option === name)?.['default']
      expect(shown, name).toBe(typeof value === 'string' ? `'${value}'` : value?.toLocaleString('en').replace('∞', 'Infinity'))
    }
    expect(wait(99, 59_999)).toBe(5000)
  })
})

describe('the documentation of the client', () => {
  it.each([
    ['prepare() is given', 'PrepareAttempt'],
    ['and returns', 'Preparation'],
  ])("lists the members of src/api/options.ts in the table '%s'", (header, type) => {
    const names = tableOf(documentation, header).map((row) => row[header])
    expect(names).toEqual(membersOf('src/api/options.ts', type).map(({ name }) => name))
  })

  it('lists all events with their properties', () => {
    const rows = tableOf(documentation, 'event').map(({ event, carries = '' }) => [
      event,
      carries.replace(/ \(.*?\)/g, '').split(', '),
    ])
    const carried = [...carriedBy('src/api/events.ts', 'EventDetails')]
    expect(rows).toEqual(carried.map(([event, names]) => [event, [...names]]))
  })

  it('lists all states with their properties', () => {
    const rows = tableOf(documentation, 'status').map(({ status, carries = '' }) => [
      status,
      carries === '' ? [] : carries.split(', '),
    ])
    expect(rows).toEqual([...variantsOf('src/api/events.ts', 'ClientState')].map(([status, names]) => [status, [...names]]))
  })

  it('lists all properties of a diagnosis', () => {
    const [, names] = /A `diagnosis` is `{ (.*?) }`/.exec(documentation) ?? []
    expect(names?.split(', ')).toEqual(membersOf('src/diagnosis/diagnose.ts', 'Diagnosis').map(({ name }) => name))
  })

  it('states the size limits of the build, and compares the current version', () => {
    const budgets = [...read('scripts/size.mjs').matchAll(/'(steadfast[.\w]*\.min\.js)': ([\d_]+)/g)]
    expect(budgets.length).toBeGreaterThan(1)
    for (const [, file = '', bytes = ''] of budgets) {
      const kilobytes = Number(bytes.replaceAll('_', '')) / 1000
      expect(documentation.replaceAll('\n', ' ')).toMatch(
        new RegExp(`\`${file}\`[^\`]*(\\[[^\\]]*\\][^\`]*)?at most ${kilobytes} kB`),
      )
    }
    const [sizes] = documentation.match(/^\| size .*$/m) ?? []
    const [, , usual = ''] = budgets.find(([, file]) => file === 'steadfast.min.js') ?? []
    expect(sizes).toContain(`≤ ${Number(usual.replaceAll('_', '')) / 1000}`)
    const { version } = JSON.parse(read('package.json'))
    expect(documentation).toContain(`| steadfast ${version} |`)
  })
})

describe('the documentation of the server half', () => {
  const serverOptions = ['src/server/options.ts RealtimeServerOptions', 'src/server/handlers.ts Handlers']
  const documented: readonly (readonly [string, readonly Member[]])[] = [
    ['server option', serverOptions.flatMap((each) => membersAt(each))],
    ['limit', membersAt('src/server/limits.ts Limits')],
    ['bound', membersAt('src/server/store/memory/memory-store.ts MemoryLimits')],
  ]

  it.each(documented)('lists every %s with the name, unit and default from the sources', (header, members) => {
    const rows = tableOf(documentation, header)
    expect(rows.map((row) => row[header]).sort()).toEqual(members.map(({ name }) => name).sort())
    for (const { unit, default: shown = '', ...row } of rows) {
      const name = row[header] ?? ''
      expect(unit === 'ms', name).toBe(name.endsWith('Ms'))
      expectDefault(shown, members.find((member) => member.name === name)?.defaultValue)
    }
  })

  it('states the defaults that the server uses', () => {
    const { path, node } = serverSettingsOf({})
    const { heartbeatMs, resumeWindowMs, leaseMs } = node
    const shown = (header: string) =>
      Object.fromEntries(tableOf(documentation, header).map((row) => [row[header], row['default']]))
    expect(shown('server option')).toMatchObject({
      path: `'${path}'`,
      ...texts({ heartbeatMs, resumeWindowMs, leaseMs }),
    })
    const { maxBatchBytes, ...limits } = defaultLimits
    expect(shown('limit')).toMatchObject(texts(limits))
    expect(maxBatchBytes).toBe(4 * limits.maxMessageBytes)
    const names = tableOf(documentation, 'server option').map((row) => row['server option'] ?? '')
    for (const name of names) expect(() => new RealtimeServer({ unknown: true } as object)).toThrow(new RegExp(`\\b${name}\\b`))
  })

  it('lists all methods of a session and of a server', () => {
    const named = (header: string) =>
      tableOf(documentation, header).flatMap((row) => (row[header] ?? '').split('), ').map((each) => each.replace(/\(.*/, '')))
    expect(named('session')).toEqual(membersAt('src/server/session/session-handle.ts Session').map(({ name }) => name))
    expect(named('server')).toEqual(['new RealtimeServer', ...methodsOf('src/server/server.ts', 'RealtimeServer')])
  })

  it('lists the properties of a message and of an ending', () => {
    const carried = (handler: string) => new RegExp(`\\| \`${handler}\` .*?{ (.*?) }`).exec(documentation)?.[1]?.split(', ')
    expect(carried('onEnd')).toEqual(membersAt('src/server/store/ports.ts Ending').map(({ name }) => name))
    const idMembers = ['session', 'n']
    const ofMessage = membersAt('src/server/handlers.ts Message').map(({ name }) => name)
    expect(carried('onMessage')).toEqual(ofMessage.filter((name) => !idMembers.includes(name)))
    expect(ofMessage).toEqual(expect.arrayContaining(idMembers))
  })
})

describe('the documented causes', () => {
  const answered = (status: number, contentType = ''): Finding => ({ kind: 'answered', status, contentType })
  const findings: Readonly<Record<string, readonly [Finding, Evidence['phase']]>> = {
    'net.unreachable': [{ kind: 'closed', code: 1006, reason: '', wasClean: false }, 'connect'],
    'net.timeout': [{ kind: 'timeout' }, 'connect'],
    'conn.silent': [{ kind: 'silent' }, 'open'],
    'conn.restored': [{ kind: 'restored' }, 'open'],
    'stream.ended': [{ kind: 'ended' }, 'open'],
    'close.1001': [{ kind: 'closed', code: 1001, reason: '', wasClean: true }, 'open'],
    'http.503': [answered(503), 'connect'],
    'http.404': [answered(404), 'connect'],
    'http.401': [answered(401), 'connect'],
    'http.not_realtime': [answered(200, 'text/html'), 'connect'],
    'client.unsupported': [{ kind: 'unsupported', detail: '' }, 'connect'],
    'client.unprepared': [{ kind: 'unprepared', detail: '', isMistake: false }, 'prepare'],
    'client.stopped': [{ kind: 'stopped', reason: 'log in' }, 'prepare'],
    'session.lost': [{ kind: 'forgotten' }, 'open'],
    'protocol-mismatch': [{ kind: 'mismatch', detail: '' }, 'connect'],
  }
  const rows = tableOf(documentation, 'cause')
  const judge = (finding: Finding, phase: Evidence['phase']) =>
    diagnose({ ...finding, phase, transport: 'websocket', elapsedMs: 0, isOnline: true })

  it('are those for which this test has a finding', () => {
    expect(rows.map(({ cause }) => cause)).toEqual(Object.keys(findings))
  })

  it.each(rows)('include $cause with the verdict of diagnose(): $verdict', ({ cause = '', verdict }) => {
    const [finding, phase] = findings[cause] ?? [{ kind: 'ended' }, 'open']
    expect(judge(finding, phase)).toMatchObject({ cause, verdict })
  })

  it.each([
    ['retry', [408, 410, 425, 429, 502, 503, 504]],
    ['fallback', [404, 405, 406, 426, 501, 500]],
    ['stop', [401, 403, 204]],
  ])('include the HTTP statuses with the verdict %s', (verdict, statuses) => {
    for (const status of statuses) {
      expect(judge(answered(status), 'connect')).toMatchObject({ cause: `http.${status}`, verdict })
      expect(rows.some((row) => row['verdict'] === verdict && row['what happened']?.includes(String(status)))).toBe(true)
    }
  })

  it.each([
    ['retry', [1000, 1001, 1011, 1012, 4000]],
    ['stop', [1008, 4401, 4403]],
  ])('for close codes have the verdict %s', (verdict, codes) => {
    for (const code of codes)
      expect(judge({ kind: 'closed', code, reason: '', wasClean: true }, 'open')).toMatchObject({ verdict })
  })
})

describe('the documentation', () => {
  const papers = [
    'SECURITY.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    ...pagesIn('docs'),
    ...pagesIn('docs/decisions'),
    ...pages.keys(),
  ]

  it.each(papers)('%s: its links lead to existing files and headings', (path) => {
    const place = new URL(path, root)
    for (const [, target = ''] of read(path).matchAll(/\]\(([^)]+)\)/g)) {
      if (target.startsWith('https:')) continue
      const url = new URL(target, place)
      const { hash } = url
      url.hash = ''
      expect(existsSync(url), target).toBe(true)
      if (hash !== '') expect(anchorsOf(readFileSync(url, 'utf8')), target).toContain(hash)
    }
  })

  it.each([...pages])('%s: its relative links lead to files of the package', (path, text) => {
    const shipped = /^(README|SECURITY|CHANGELOG)\.md$|^docs\//
    const targets = [...text.matchAll(/\]\(([^)#]+)/g)].map(([, target = '']) => new URL(target, new URL(path, root)))
    const local = targets
      .filter(({ protocol }) => protocol === 'file:')
      .map(({ pathname }) => pathname.slice(root.pathname.length))
    expect(local.filter((each) => !shipped.test(each))).toEqual([])
  })

  it('README.md links to every guide and every page of the reference', () => {
    const text = read('README.md')
    expect([...pages.keys()].filter((path) => path !== 'README.md' && !text.includes(`](${path}`))).toEqual([])
  })

  it.each(['docs/ARCHITECTURE.md', 'CONTRIBUTING.md'])('%s names only files that exist', (page) => {
    const paths = [...read(page).matchAll(/`((?:src|test|bench|scripts|demo)\/[\w./-]+)`/g)]
    expect(paths.length).toBeGreaterThan(10)
    expect(paths.map(([, path = '']) => path).filter((path) => !existsSync(new URL(path, root)))).toEqual([])
  })

  it('docs/reference/client.md lists every entry of the package', () => {
    const entries = Object.keys(JSON.parse(read('package.json')).exports).filter((name) => !/\.js(on)?$/.test(name))
    const listed = [...read('docs/reference/client.md').matchAll(/^\| (`steadfast.*?) \|/gm)].flatMap(([, names = '']) =>
      names.split(', '),
    )
    expect(listed.sort()).toEqual(entries.map((name) => `\`steadfast${name.slice(1)}\``).sort())
  })

  it('CONTRIBUTING.md names only npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json'))
    const named = [...read('CONTRIBUTING.md').matchAll(/`npm run ([\w:]+)/g)].map(([, name = '']) => name)
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([])
  })

  it('docs/decisions/README.md links to every decision', () => {
    const files = readdirSync(new URL('docs/decisions', root)).filter((name) => name !== 'README.md')
    expect(files.length).toBeGreaterThan(0)
    expect(files.filter((name) => !read('docs/decisions/README.md').includes(`](${name})`))).toEqual([])
  })

  it('docs/ARCHITECTURE.md names every source file', () => {
    const text = read('docs/ARCHITECTURE.md')
    const paths = readdirSync(new URL('src', root), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
    expect(paths.filter((path) => !text.includes(`\`src/${path.replaceAll('\\', '/')}\``))).toEqual([])
  })

  it('CHANGELOG.md has an entry for the version of the package', () => {
    expect(read('CHANGELOG.md')).toContain(`## [${JSON.parse(read('package.json')).version}]`)
  })
})

function membersAt(place: string): readonly Member[] {
  const [path = '', type = ''] = place.split(' ')
  return membersOf(path, type)
}

/** The default in the source may continue after the value, with its unit or meaning. */
function expectDefault(shown: string, defaultValue = ''): void {
  const documented = defaultValue.replaceAll('`', '').replace(/(?<=\d)_(?=\d)/g, ',')
  const isSame = documented === shown || (shown !== '' && [' ', ':', ','].some((next) => documented.startsWith(shown + next)))
  expect(isSame, `'${shown}' is documented as '${documented}'`).toBe(true)
}

function texts(numbers: object): Record<string, string> {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, value.toLocaleString('en')]))
}

function prefixed(prefix: string, values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]))
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(markdown: string): string[] {
  const headings = markdown.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)
  return [...headings].map(([, heading = '']) => `#${slugOf(heading)}`)
}

function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replaceAll(' ', '-')
}
