import { readdirSync } from 'node:fs'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { expect, test } from 'vitest'
import { entries, frameworkFiles, pageFiles, read, root, run, scriptTags } from './package.ts'

test('publint reports nothing about the packed files', async () => {
  const { messages, pkg } = await publint({ pkgDir: root, strict: true, pack: 'npm' })
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
})

test('the types resolve in every module resolution mode ("are the types wrong?" reports nothing)', () => {
  // The script-tag files have no types.
  const scripts = scriptTags.map((name) => `./${name}`)
  const report = run('attw', ['--pack', '.', '--exclude-entrypoints', ...scripts, '--format', 'json'])
  expect(JSON.parse(report).problems ?? {}).toEqual({})
})

test('the package contains the build, the sources and the documentation, and nothing else', () => {
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

test('package.json and SECURITY.md link to the repository, its issues and its advisories', () => {
  const { repository, homepage, bugs } = JSON.parse(read('package.json'))
  const [, address = ''] = /^git\+(https:.*)\.git$/.exec(repository.url) ?? []
  expect([homepage, bugs.url]).toEqual([`${address}#readme`, `${address}/issues`])
  expect(read('SECURITY.md')).toContain(`(${address}/security/advisories/new)`)
})

test('the package has no dependencies, only optional peers: ws, store clients and frameworks', () => {
  const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(read('package.json'))
  expect(dependencies).toBeUndefined()
  const peers = ['@platformatic/kafka', 'ioredis', 'react', 'redis', 'vue', 'ws']
  expect(Object.keys(peerDependencies)).toEqual(peers)
  expect(peerDependenciesMeta).toEqual(Object.fromEntries(peers.map((name) => [name, { optional: true }])))
})

test('dependencies and peers run on every Node version that the package supports', () => {
  const { engines, dependencies, peerDependencies } = JSON.parse(read('package.json'))
  const { packages } = JSON.parse(read('package-lock.json'))
  // The first alternative of a range: the others begin at later majors.
  const minOf = (range: string) => Number(/^>=\s*(\d+)(?:\.\d+)*(?: \|\||$)/.exec(range)?.[1])
  expect(minOf(engines.node)).toBeGreaterThan(0)
  for (const name of Object.keys({ ...dependencies, ...peerDependencies })) {
    const range: string = packages[`node_modules/${name}`].engines?.node ?? '>=0'
    expect(minOf(range), `${name} wants Node ${range}`).toBeLessThanOrEqual(minOf(engines.node))
  }
})

test('the browser files contain no code of the server', () => {
  for (const file of [...pageFiles, ...frameworkFiles]) expect(read(`dist/${file}`)).not.toMatch(/RealtimeServer|node:/)
})

test('the lockfile has an integrity hash for each package, and no download URL', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { resolved?: string; integrity?: string }>
  }
  const { '': own, ...installed } = packages
  expect(own).toBeDefined()
  expect(Object.entries(installed).filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
  expect(Object.entries(installed).filter(([, { integrity }]) => integrity === undefined)).toEqual([])
})
