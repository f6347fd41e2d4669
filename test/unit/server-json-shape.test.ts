import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shapeOf } from '../../src/server/delivery/json-shape.ts'
import { readFrame, readHello } from '../../src/server/delivery/parse-frames.ts'
import { seedOf } from '../support/seeded.ts'

const seed = seedOf(process.env)

describe('the shape of a JSON text', () => {
  it('counts commas, arrays and objects outside of texts only', () => {
    expect(shapeOf('[5,"a,b","[{\\",\\\\",{"x":[1,2]}]')).toEqual({ values: 5, containers: 3 })
    expect(shapeOf('"a"')).toEqual({ values: 1, containers: 0 })
    expect(shapeOf('')).toEqual({ values: 1, containers: 0 })
  })

  it('counts at least as many values as any JSON has, and exactly its containers', () => {
    const countsOf = (value: unknown): [number, number] => {
      if (typeof value !== 'object' || value === null) return [1, 0]
      const parts = Object.values(value).map(countsOf)
      return [parts.reduce((sum, [values]) => sum + values, 0), parts.reduce((sum, [, containers]) => sum + containers, 1)]
    }
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const [values, containers] = countsOf(JSON.parse(JSON.stringify(value)))
        const shape = shapeOf(JSON.stringify(value))
        expect(shape.containers).toBe(containers)
        expect(shape.values).toBeGreaterThanOrEqual(values)
      }),
      { seed, numRuns: 300 },
    )
  })
})

describe('long calls and hellos', () => {
  const call = (params: unknown) => readFrame(`C1:${JSON.stringify({ type: 'subscribe', topic: 'x', params })}`)
  const objects = (count: number) => Array.from({ length: count }, (_, index) => ({ [`key ${index}`]: 'some text' }))

  it('are parsed only if they have few values: each may cost more than a microsecond', () => {
    expect(call(objects(5000))).toMatchObject({ type: 'call', n: 1 })
    expect(call(objects(20_000))).toBeNull()
    expect(call(Object.assign({}, ...objects(20_000)))).toBeNull()
    // A long text is one value, whatever it contains.
    expect(call('[{,'.repeat(100_000))).toMatchObject({ type: 'call', n: 1 })
  })

  it.each(['hello', 'credentials'])(
    '%s with more than 1,024 arrays are malformed, since they are kept while authenticate runs',
    (kind) => {
      const read = (auth: unknown) =>
        kind === 'hello'
          ? readHello(JSON.stringify({ v: 1, session: 'a-session-of-the-tests', k: 1, n: 1, auth }))
          : readFrame(`c${JSON.stringify({ auth })}`)
      expect(read(Array.from({ length: 1000 }, () => []))).not.toBeNull()
      expect(read(Array.from({ length: 1024 }, () => []))).toBeNull()
      expect(read('['.repeat(5000))).not.toBeNull()
    },
  )
})

describe('a batch', () => {
  const batch = (count: number, text = '""') => readFrame(`M[1${`,${text}`.repeat(count)}]`)

  it('of up to 262,143 texts is read, and a larger one is refused without being parsed', () => {
    expect(batch(262_143)).toMatchObject({ type: 'messages', first: 1 })
    expect(batch(262_144)).toEqual({ type: 'too-many-messages' })
  })

  it('of long texts is read whatever they contain', () => {
    const text = JSON.stringify('[{",\\'.repeat(30_000))
    expect(batch(2, text)).toEqual({ type: 'messages', first: 1, payloads: Array(2).fill(JSON.parse(text)) })
  })

  it.each(['[]', '{}', '[[]]'])('of %s is malformed, however long it is', (element) => {
    expect(batch(3, element)).toBeNull()
    expect(batch(30_000, element)).toBeNull()
  })
})
