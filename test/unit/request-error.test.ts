import { readFile } from 'node:fs/promises'
import { transform } from 'esbuild'
import { describe, expect, it, vi } from 'vitest'
import { faultOf } from '../../src/wire/calls.ts'
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

describe('[SP21] the fault of a RequestError', () => {
  const refusal = (members: object) => Object.assign(new RequestError('taken', 'It is taken.'), members)

  it('is its code and message, and is not reported', () => {
    const report = vi.fn()
    expect(faultOf(refusal({}), report)).toEqual({ code: 'taken', message: 'It is taken.' })
    expect(faultOf(refusal({ code: 0, message: 'x'.repeat(2000) }), report)).toEqual({ code: 0, message: 'x'.repeat(1000) })
    expect(report).not.toHaveBeenCalled()
  })

  it.each([undefined, null, '', 'x'.repeat(65), Number.NaN, Infinity, 5n, {}, Symbol('code')])(
    'has the code "internal" for the invalid code %s, which is reported',
    (code) => {
      const report = vi.fn()
      const error = refusal({ code })
      expect(faultOf(error, report)).toEqual({ code: 'internal', message: 'It is taken.' })
      expect(report).toHaveBeenCalledExactlyOnceWith(
        new TypeError(
          `RequestError: the code must be a string of 1 to 64 characters, or a finite number; it was ${typeof code}.`,
          {
            cause: error,
          },
        ),
      )
    },
  )

  it.each([undefined, 5, 5n, {}, Symbol('text')])('has no message for the invalid message %s, which is reported', (message) => {
    const report = vi.fn()
    const error = refusal({ message })
    expect(faultOf(error, report)).toEqual({ code: 'taken', message: '' })
    expect(report).toHaveBeenCalledExactlyOnceWith(error)
  })

  it.each([new Error('secret'), null, undefined, 'text'])('is "internal" for %s, which is reported', (error) => {
    const report = vi.fn()
    expect(faultOf(error, report)).toEqual({ code: 'internal', message: '' })
    expect(report).toHaveBeenCalledExactlyOnceWith(error)
  })
})
