import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dist, root, run } from './package.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'steadfast-build-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('a build into another folder produces the same bytes', () => {
  const again = join(folder, 'some/where/else')
  run(process.execPath, [`${root}scripts/build.mjs`, again], folder)
  expect(hashesOf(again)).toEqual(hashesOf(dist))
}, 120_000)

function hashesOf(path: string): Record<string, string> {
  const hash = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(path, name)))
      .digest('hex')
  return Object.fromEntries(
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(path, join(entry.parentPath, entry.name)))
      .sort()
      .map((name) => [name, hash(name)]),
  )
}
