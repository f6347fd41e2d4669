import ts from 'typescript'
import { expect, it } from 'vitest'
import { floatingPromises } from '../../scripts/check-promises.mjs'

const path = '/sources/a.ts'

const declarations = `declare const p: Promise<number>
declare const f: () => Promise<void>
declare const maybe: Promise<void> | undefined
declare const isSo: boolean
declare function later(run: () => void): void
declare function waits(run: () => void | Promise<void>): void
`

/** The snippets in which a promise floats. One program for all, since loading TypeScript's own types takes seconds. */
function floating(codes: readonly string[]): string[] {
  const lines = codes.map((code, index) => `export async function f${index}() { ${code} }\n`)
  const text = declarations + lines.join('')
  const options: ts.CompilerOptions = { strict: true, target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts'], types: [] }
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (name, language) =>
    name === path ? ts.createSourceFile(name, text, language) : getSourceFile(name, language)
  const found: string[] = floatingPromises(ts.createProgram([path], options, host), (name: string) => name === path)
  const first = declarations.split('\n').length
  const numbers = found.map((each) => Number(/^\/sources\/a\.ts:(\d+): /.exec(each)?.[1]))
  return codes.filter((_, index) => numbers.includes(first + index))
}

const bad = [
  'p',
  'void p',
  'f()',
  'void f()',
  'isSo && f()',
  'isSo ? f() : 0',
  'maybe?.then(() => {})',
  'maybe ?? 0',
  'p.then(() => {})',
  'p.finally(() => {})',
  'p.catch(() => {}).then(() => {})',
  '(0, f())',
  '(f() as Promise<void>)',
  'for (let n = 0; n < 1; f()) n += 1',
  'later(async () => {})',
  'later(f)',
  'later(() => f())',
]

const good = [
  'await p',
  'return f()',
  'const kept = f(); return kept',
  'p.catch(() => {})',
  'void p.catch(() => {})',
  'p.then(() => {}, () => {})',
  'p.then(() => {}).catch(() => {}).finally(() => {})',
  'await (isSo ? f() : p)',
  'maybe?.catch(() => {})',
  'let kept; kept = f(); await kept',
  'later(() => {})',
  'later(() => void p.catch(() => {}))',
  'waits(async () => {})',
  'p.then(f, f).catch(() => {})',
]

it('finds each floating promise, and no other', { timeout: 60_000 }, () => {
  expect(floating([...bad, ...good])).toEqual(bad)
})
