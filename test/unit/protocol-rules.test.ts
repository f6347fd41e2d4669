import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** The rules of docs/PROTOCOL.md, as `7. Unacknowledged means ask`. */
function rulesOf(document: string): Map<number, string> {
  const [, rules = ''] = document.split(/^## Rules$/m)
  const [chapter = ''] = rules.split(/^## /m)
  const found = [...chapter.matchAll(/^(\d+)\. \*\*(.+?)\.?\*\*/gm)]
  return new Map(found.map(([, number, name]) => [Number(number), `${number}. ${name}`]))
}

/** The numbers of the rules with which titles of the file begin, except for tests that never run. */
function citedIn(source: string): number[] {
  const titles = source.matchAll(/(?<!\.(?:skip|todo|fails)\(\s*)(['"`])((?:\[SP\d+\] ?)+)/g)
  return [...titles].flatMap(([, , rules = '']) => [...rules.matchAll(/\d+/g)].map(Number))
}

/** Test files, and the suites that several of them share. */
function testFiles(): string[] {
  const names = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => /(\.test|-contract)\.ts$/.test(name) && !name.endsWith('protocol-rules.test.ts'))
}

const rules = rulesOf(readFileSync(join(root, 'docs/PROTOCOL.md'), 'utf8'))
const cited = new Map(testFiles().map((name) => [name, citedIn(readFileSync(join(root, 'test', name), 'utf8'))]))

it('the rules are numbered from 1 without a gap', () => {
  expect(rules.size).toBeGreaterThanOrEqual(18)
  expect([...rules.keys()]).toEqual(Array.from(rules, (_, index) => index + 1))
})

it('each rule has a test whose title begins with its number', () => {
  const proven = new Set([...cited.values()].flat())
  expect([...rules].filter(([number]) => !proven.has(number)).map(([, rule]) => rule)).toEqual([])
})

it('no title cites a rule that does not exist', () => {
  const astray = [...cited].flatMap(([name, numbers]) => numbers.filter((n) => !rules.has(n)).map((n) => `${name}: [SP${n}]`))
  expect(astray).toEqual([])
})

it('rulesOf() and citedIn() read rules and titles', () => {
  const document =
    '# P\n1. **No rule.** x\n## Rules\n1. **One.** a\n   2. **not** b\n2. **Two, and more.** c\n## Behind\n3. **no**\n'
  expect([...rulesOf(document).values()]).toEqual(['1. One', '2. Two, and more'])
  const titles = [
    "it('[SP1] a')",
    'test.each(x)(`[SP2] [SP3] b`)',
    "it.skip('[SP4] c')",
    "it('d [SP5]')",
    "it.todo(\n  '[SP6] e')",
    '// [SP7] f',
  ]
  expect(citedIn(titles.join('\n'))).toEqual([1, 2, 3])
})
