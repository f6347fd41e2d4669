import { readFile } from 'node:fs/promises'
import { transform } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { RequestError } from '../../src/wire/request-error.ts'

/** Another copy of the class, compiled as a bundler does for this target. */
async function copyFor(target: string): Promise<typeof RequestError> {
  const source = await readFile(new URL('../../src/wire/request-error.ts', import.meta.url), 'utf8')
  // As in tsconfig.json: a class field is compiled to an assignment.
  const tsconfigRaw = { compilerOptions: { useDefineForClassFields: false } }
  const { code } = await transform(source, { loader: 'ts', target, format: 'esm', tsconfigRaw })
  return (await import(`data:text/javascript,${encodeURIComponent(code)}`)).RequestError
}

describe.each(['es2018', 'es2020', 'es2021', 'esnext'])('a RequestError built for %s', (target) => {
  it('is an instance of another copy of the class, but not of a subclass', async () => {
    const Copy = await copyFor(target)
    class Refusal extends Copy {}
    const error = new Copy('taken', 'It is taken.')
    expect(error instanceof RequestError).toBe(true)
    expect(new RequestError('taken') instanceof Copy).toBe(true)
    expect(error instanceof Refusal).toBe(false)
    expect(new Refusal('taken') instanceof Refusal).toBe(true)
    expect(new Refusal('taken') instanceof RequestError).toBe(true)
    expect(new Error('taken') instanceof Copy).toBe(false)
  })
})
