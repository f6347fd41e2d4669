import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { linesOf, maxPartHeadBytes, startOfLines } from '../../src/server/adapters/body-lines.ts'
import { seedOf } from '../support/seeded.ts'

const seed = seedOf(process.env)
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 2000)

function formOf(
  content: string,
  { boundary = 'steadfast', headers = 'Content-Disposition: form-data; name="f"; filename="f"' } = {},
) {
  return `--${boundary}\r\n${headers}\r\n\r\n${content}\r\n--${boundary}--\r\n`
}

/** A hello and frames: each begins with a letter or a brace, and none has a line end. */
const anyLine = fc
  .tuple(fc.constantFrom('{', 'M', 'm', 'b', 'w', 'x'), fc.string({ unit: 'binary', maxLength: 40 }))
  .map(([first, rest]) => first + rest.replace(/[\r\n\ud800-\udfff]/g, '-'))
const anyLines = fc.array(anyLine, { minLength: 1, maxLength: 8 })
const anyBoundary = fc.stringMatching(/^[\w'()+,./:=?-]{1,70}$/)

describe('the lines of a body', () => {
  it('are read from a form, or from a body that is not a form', () => {
    expect(linesOf('{}\np')).toEqual(['{}', 'p'])
    expect(linesOf(formOf('{}\np'))).toEqual(['{}', 'p'])
    expect(linesOf(formOf('{}\np').slice(0, -2))).toEqual(['{}', 'p'])
    expect(linesOf(formOf('{}\n--x\np'))).toEqual(['{}', '--x', 'p'])
  })

  it.each([
    ['no end', formOf('{}').slice(0, -4)],
    ['no part', '--steadfast--\r\n'],
    ['two parts', formOf('{}').replace('--\r\n', `\r\n${formOf('p').slice('--steadfast\r\n'.length)}`)],
    ['text behind its end', `${formOf('{}')}p`],
    ['another boundary at its end', formOf('{}').replace('steadfast--', 'somebody--')],
    ['a head that is too long', formOf('{}', { headers: `X: ${'x'.repeat(maxPartHeadBytes)}` })],
    ['lines without CR', formOf('{}').replaceAll('\r', '')],
    ['only dashes', '-'.repeat(5000)],
    ['more than 262,144 lines', formOf(`{}${'\np'.repeat(262_144)}`)],
  ])('are null for a form with %s', (_, text) => {
    expect(linesOf(text)).toBeNull()
  })

  it('are null for more than 262,144 lines, since splitting four million of them takes 100 ms', () => {
    expect(linesOf('\n'.repeat(262_143))).toHaveLength(262_144)
    expect(linesOf('\n'.repeat(262_144))).toBeNull()
    expect(linesOf('\n'.repeat(262_144), false)).toBeNull()
  })

  it('are read whatever they contain, with any boundary', () => {
    fc.assert(
      fc.property(anyLines, anyBoundary, (lines, boundary) => {
        expect(linesOf(formOf(lines.join('\n'), { boundary }))).toEqual(lines)
      }),
      { seed, numRuns },
    )
  })

  it('[SP2] count if they are complete, wherever the body broke off', () => {
    fc.assert(
      fc.property(anyLines, fc.boolean(), fc.nat(), (lines, isForm, cut) => {
        const text = isForm ? formOf(lines.join('\n')) : lines.join('\n')
        const came = text.slice(0, cut % text.length)
        const whole = linesOf(came, false)
        expect(lines.slice(0, whole?.length)).toEqual(whole)
        const content = isForm ? came.slice(came.indexOf('\r\n\r\n') + 4) : came
        const ended = came.includes('\r\n\r\n') || !isForm ? content.split('\n').length - 1 : 0
        expect(whole?.length).toBeGreaterThanOrEqual(Math.min(ended, lines.length))
      }),
      { seed, numRuns },
    )
  })

  it('are an array or null for any input, without an exception', () => {
    const anyMess = fc.array(fc.constantFrom('--', 'steadfast', '\r\n', '\r', '\n', '\r\n\r\n', '{}', 'p', '-', ':'), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(anyMess, fc.boolean(), (pieces, isWhole) => {
        const lines = linesOf(pieces.join(''), isWhole)
        expect(lines === null || Array.isArray(lines)).toBe(true)
      }),
      { seed, numRuns },
    )
  })

  it('begin at an offset that is known once the head of the form has arrived', () => {
    const form = Buffer.from(formOf('{}\np'))
    const start = form.indexOf('{')
    for (let length = 0; length <= form.length; length += 1)
      expect(startOfLines(form.subarray(0, length))).toBe(length < start ? -1 : start)
    expect(startOfLines(Buffer.from('{}'))).toBe(0)
    expect(startOfLines(Buffer.from('{'))).toBe(0)
    expect(startOfLines(Buffer.from(''))).toBe(-1)
    expect(startOfLines(Buffer.from(`--${'x'.repeat(5000)}\r\n\r\n{}`))).toBe(-1)
  })

  it.each([
    ['lines', (n: number) => formOf(`{}${'\np'.repeat(n)}`)],
    ['incomplete boundaries', (n: number) => formOf(`{}${'\r\n--steadfas'.repeat(n)}`)],
    ['dashes', (n: number) => '-'.repeat(10 * n)],
    ['empty lines', (n: number) => `--a${'\r\n'.repeat(n)}`],
  ])('are parsed in linear time: %s', (_, textOf) => {
    const n = 50_000
    const bestOf = (text: string) =>
      Math.min(
        ...Array.from({ length: 5 }, () => {
          const since = performance.now()
          linesOf(text)
          return performance.now() - since
        }),
      )
    bestOf(textOf(n))
    expect(bestOf(textOf(4 * n))).toBeLessThan(8 * bestOf(textOf(n)) + 5)
  })
})
