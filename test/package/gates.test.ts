import { readdirSync } from 'node:fs'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { expect, test } from 'vitest'
import { entries, frameworkFiles, pageFiles, read, root, run, scriptTags } from './package.ts'

test('publint reports nothing about the packed files', async () => {
  const { messages, pkg } = await publint({ pkgDir: root, strict: true, pack: 'npm' })
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
})

test('every way to resolve the types finds them ("are the types wrong?" reports nothing)', () => {
  // The script-tag file is for script tags: it has no types.
  const scripts = scriptTags.map((name) => `./${name}`)
  const report = run('attw', ['--pack', '.', '--exclude-entrypoints', ...scripts, '--format', 'json'])
  expect(JSON.parse(report).problems ?? {}).toEqual({})
})

test('the package carries what it promises and nothing of the workshop', () => {
  const [packed] = JSON.parse(run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts']))
  const files: string[] = packed.files.map(({ path }: { path: string }) => path)
  const built = entries.flatMap((entry) =>
    ['js', 'js.map', 'cjs', 'cjs.map', 'd.ts', 'd.cts'].map((ending) => `dist/${entry}.${ending}`),
  )
  const command = ['dist/cli.js', 'dist/cli.js.map']
  const script = scriptTags.flatMap((name) => [`dist/${name}`, `dist/${name}.map`])
  const docs = readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.\w+$/.test(path))
    .map((path) => `docs/${path}`)
  const papers = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'SECURITY.md', ...docs]
  const isOther = (path: string) => !/^(src|dist\/shared)\//.test(path)
  expect(files.filter(isOther).sort()).toEqual([...built, ...command, ...script, 'dist/integrity.json', ...papers].sort())
  expect(files).toContain('src/index.ts')
})

test('the package says where it comes from, and where to report what is wrong', () => {
  const { repository, homepage, bugs } = JSON.parse(read('package.json'))
  const [, address = ''] = /^git\+(https:.*)\.git$/.exec(repository.url) ?? []
  expect([homepage, bugs.url]).toEqual([`${address}#readme`, `${address}/issues`])
  expect(read('SECURITY.md')).toContain(`(${address}/security/advisories/new)`)
})

test('no package is needed at run time, beside what an application brings: ws, the clients of stores, frameworks', () => {
  const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(read('package.json'))
  expect(dependencies).toBeUndefined()
  const peers = ['@platformatic/kafka', 'ioredis', 'react', 'redis', 'vue', 'ws']
  expect(Object.keys(peerDependencies)).toEqual(peers)
  expect(peerDependenciesMeta).toEqual(Object.fromEntries(peers.map((name) => [name, { optional: true }])))
})

test('what is installed with the package runs on every Node that the package names', () => {
  const { engines, dependencies, peerDependencies } = JSON.parse(read('package.json'))
  const { packages } = JSON.parse(read('package-lock.json'))
  // The first of the alternatives: later ones begin at later majors.
  const minOf = (range: string) => Number(/^>=\s*(\d+)(?:\.\d+)*(?: \|\||$)/.exec(range)?.[1])
  expect(minOf(engines.node)).toBeGreaterThan(0)
  for (const name of Object.keys({ ...dependencies, ...peerDependencies })) {
    const range: string = packages[`node_modules/${name}`].engines?.node ?? '>=0'
    expect(minOf(range), `${name} wants Node ${range}`).toBeLessThanOrEqual(minOf(engines.node))
  }
})

test('nothing of the server is in what runs in a page', () => {
  for (const file of [...pageFiles, ...frameworkFiles]) expect(read(`dist/${file}`)).not.toMatch(/RealtimeServer|node:/)
})

test('the lockfile names no host to download from', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { resolved?: string; integrity?: string }>
  }
  const { '': own, ...installed } = packages
  expect(own).toBeDefined()
  expect(Object.entries(installed).filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
  expect(Object.entries(installed).filter(([, { integrity }]) => integrity === undefined)).toEqual([])
})
