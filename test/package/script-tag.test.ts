import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import vm from 'node:vm'
import { parse } from 'acorn'
import { expect, test } from 'vitest'
import { dist, pageFiles, read, scriptTag, scriptTags } from './package.ts'

const file = `dist/${scriptTag}`

test.each(scriptTags)('%s is ES2020', (name) => {
  expect(() => parse(read(`dist/${name}`), { ecmaVersion: 2020, sourceType: 'script' })).not.toThrow()
})

/** Files for Node alone may use newer syntax. */
const isOfNode = /^(server|redis|kafka|gateway|cli|server-testing)\.c?js$/
const modules = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter(
  (name) => /(?<!min)\.c?js$/.test(name) && !isOfNode.test(name),
)

test.each(modules)(
  '%s has no syntax that a build for ES2020 replaces with slower code: no private names, no class fields',
  (name) => {
    expect(() => parse(read(`dist/${name}`), { ecmaVersion: 2021, sourceType: 'module' })).not.toThrow()
  },
)

test('the script-tag file adds the global Steadfast and nothing else', () => {
  const context = vm.createContext({})
  const globals = () => vm.runInContext('Reflect.ownKeys(globalThis)', context) as string[]
  const before = new Set(globals())
  vm.runInContext(read(file), context)
  expect(globals().filter((name) => !before.has(name))).toEqual(['Steadfast'])
})

test('the script-tag file exports what the package exports', async () => {
  const names = vm.runInNewContext(`${read(file)};Object.keys(Steadfast)`) as string[]
  expect([...names].sort()).toEqual(Object.keys(await import(`${dist}/index.js`)).sort())
})

test('minification keeps the names of HTTP headers in the script-tag file', () => {
  for (const header of ['Accept', 'Last-Event-ID', 'Prefer']) expect(read(file)).toMatch(new RegExp(`[{,]"?${header}"?:`))
})

test('integrity.json carries the version and the hash of each script file', () => {
  const hashOf = (name: string) =>
    `sha384-${createHash('sha384')
      .update(read(`dist/${name}`))
      .digest('base64')}`
  expect(JSON.parse(read('dist/integrity.json'))).toEqual({
    version: JSON.parse(read('package.json')).version,
    ...Object.fromEntries(scriptTags.map((name) => [name, hashOf(name)])),
  })
})

test("README's script tag has the version and the hash of integrity.json", () => {
  const { version, [scriptTag]: hash } = JSON.parse(read('dist/integrity.json'))
  const tags = read('README.md').match(/<script[^>]*steadfast\.min\.js[^>]*>/g) ?? []
  expect(tags.length).toBeGreaterThan(0)
  for (const tag of tags) {
    expect(tag.replace(/\s+/g, ' ')).toBe(
      `<script src="https://cdn.jsdelivr.net/npm/steadfast@${version}/dist/steadfast.min.js" integrity="${hash}" crossorigin="anonymous">`,
    )
  }
})

test('the fields for the two CDNs point at the script-tag file', () => {
  const { unpkg, jsdelivr } = JSON.parse(read('package.json'))
  expect([unpkg, jsdelivr]).toEqual([`./${file}`, `./${file}`])
})

test('every source map names sources of the package, with their text', () => {
  for (const name of pageFiles) {
    expect(read(`dist/${name}`)).toMatch(new RegExp(`//# sourceMappingURL=${name.replaceAll('.', '\\.')}\\.map\\s*$`))
    const { sources, sourcesContent } = JSON.parse(read(`dist/${name}.map`)) as {
      sources: string[]
      sourcesContent: (string | null)[]
    }
    expect(sources.filter((source) => !/^\.\.\/src\//.test(source))).toEqual([])
    expect(sourcesContent.filter((content) => !content)).toEqual([])
  }
})
