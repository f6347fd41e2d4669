import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import vm from 'node:vm'
import { rollup } from 'rollup'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { shrink } from '../../scripts/shrink.mjs'
import { stripTypes } from '../../scripts/strip-types.mjs'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'steadfast-shrink-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function shrunk(files: Record<string, string>, publicTypes: string): Promise<string> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const bundle = await rollup({ input: join(folder, 'index.ts'), plugins: [stripTypes(), shrink(() => [publicTypes])] })
  const { output } = await bundle.generate({ format: 'iife', name: 'Steadfast', exports: 'named', esModule: false })
  return output[0].code
}

test('private members and internal properties get short names, and behave as before', async () => {
  const code = await shrunk(
    {
      'index.ts': `
        import { carried, type Frame } from './wire.ts'
        export class Counter {
          #secretCount = 0
          static #secretTotal = 0
          #secretStep(byHowMany: { internalAmount: number }) { this.#secretCount += byHowMany.internalAmount; return this }
          add(internalAmount: number) { Counter.#secretTotal++; return this.#secretStep({ internalAmount }).current }
          get current() { const { internalAmount = 0 } = { internalAmount: this.#secretCount }; return { spokenName: internalAmount } }
          carried() { return carried(this.#secretCount) }
          read(frame: Frame) { return frame.declaredName }
          has(value: object) { return 'quotedName' in value }
          static get total() { return Counter.#secretTotal }
        }`,
      'wire.ts': `
        export interface Frame { readonly declaredName: number }
        export const carried = (n: number) => JSON.stringify({ ...JSON.parse("{}"), wireName: n, quotedName: 1 })`,
    },
    'class Counter { add(amount: number): { spokenName: number }; get current(): unknown; carried(): string; read(frame: unknown): number; has(value: object): boolean; static get total(): number }',
  )
  expect(code).not.toMatch(/secret|internalAmount|#/)
  const play =
    '(() => { const c = new Steadfast.Counter(); c.add(2); return [c.add(3), c.carried(), c.read({ declaredName: 7 }), c.has({ quotedName: 1 }), Steadfast.Counter.total] })()'
  expect(JSON.stringify(vm.runInNewContext(`${code};${play}`))).toBe(
    JSON.stringify([{ spokenName: 5 }, '{"wireName":5,"quotedName":1}', 7, true, 2]),
  )
})

test('a private name that a class and its parent both declare is refused', async () => {
  const code = 'export class A { #x = 1; a() { return this.#x } } export class B extends A { #x = 2; b() { return this.#x } }'
  await expect(shrunk({ 'index.ts': code }, '')).rejects.toThrow('B and its parent A both have a private #x')
})

test('`#name in value` is refused', async () => {
  const code = 'export class A { #x = 1; static is(value: object) { return #x in value && value.#x } }'
  await expect(shrunk({ 'index.ts': code }, '')).rejects.toThrow('#x in')
})
