import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shapeOf } from '../../src/server/delivery/json-shape.ts'
import { readFrame } from '../../src/server/delivery/parse-frames.ts'
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
