import ts from 'typescript'
import { expect, it } from 'vitest'
import { floatingPromises } from '../../scripts/check-promises.mjs'

const path = '/sources/a.ts'

const declarations = `declare const p: Promise<number>
declare const f: () => Promise<void>
declare const maybe: Promise<void> | undefined
declare const isSo: boolean
declare const g: () => number
declare const list: Promise<number[]>
declare const state: { n: number; get half(): number; set half(n: number) }
const thrower = () => g()
const quiet = () => {}
function ignore(): void {}
function failing(): void { g() }
declare function later(run: () => void): void
declare function waits(run: () => void | Promise<void>): void
`

/** The snippets in which a promise floats. One program for all, since loading TypeScript's own types takes seconds. */
function floating(codes: readonly string[], isStrict = true): string[] {
  const lines = codes.map((code, index) => `export async function f${index}() { ${code} }\n`)
  const text = declarations + lines.join('')
  const options: ts.CompilerOptions = { strict: true, target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts'], types: [] }
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (name, language) =>
    name === path ? ts.createSourceFile(name, text, language) : getSourceFile(name, language)
  const isOurs = (name: string) => name === path
  const found: string[] = floatingPromises(ts.createProgram([path], options, host), isOurs, isStrict ? isOurs : () => false)
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

/** What the first handler throws, the second one does not handle. */
const badInServer = [
  'p.then(() => g(), () => {})',
  'p.then(() => { g() }, () => {})',
  'void p.then(() => { if (isSo) g() }, () => {})',
  'p.then(() => { throw new Error() }, () => {})',
  'p.then(g, () => {})',
  'p.then(thrower, () => {})',
  'p.then(failing, () => {})',
  'p.then(function () { g() }, () => {})',
  'p.then(() => { g() }, () => {}).finally(() => {})',
  'maybe?.then(() => { g() }, () => {})',
  'list.then(([first]) => { state.n = 1 }, () => {})',
  'p.then((n = g()) => {}, () => {})',
  'p.then(() => { state.n = g() }, () => {})',
  'p.then(() => { state.half = 1 }, () => {})',
  'p.then(() => state.half, () => {})',
  'p.then(() => p, () => {})',
  'p.then(async () => { g() }, () => {})',
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
  'p.then(() => g(), () => {}).catch(() => {})',
  'p.then(() => { g() }, () => {}).then(undefined, () => {})',
  'p.then(() => { g() }, () => {}).then(() => {}, () => {}).finally(() => {})',
  'await p.then(() => { g() }, () => {})',
  'return p.then(() => { g() }, () => {})',
  // The first handler is too simple to throw.
  'p.then(undefined, () => {})',
  'p.then(null, () => {})',
  'p.then((n) => n, () => {})',
  'p.then(() => true, () => {})',
  'p.then(() => { return -1 }, () => {})',
  'p.then((n) => { state.n = n }, () => {})',
  'p.then((n) => { state.n -= n }, () => {})',
  'p.then(quiet, () => {})',
  'p.then(ignore, () => {})',
  'new Promise<number>((resolve, reject) => { p.then(resolve, reject) }).catch(() => {})',
]

it('finds each floating promise, and no other', { timeout: 60_000 }, () => {
  expect(floating([...bad, ...badInServer, ...good])).toEqual([...bad, ...badInServer])
})

it('accepts two handlers in sources that are not strict', { timeout: 60_000 }, () => {
  expect(floating([...bad, ...badInServer, ...good], false)).toEqual(bad)
})
