import { afterEach, beforeEach, expect } from 'vitest'

// A library that prints into its user's console is broken, and a test that prints hides what it found.
const methods = ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'table'] as const
const originals = new Map(methods.map((method) => [method, console[method]]))
let calls: string[] = []

// `toEqual` takes any two ArrayBuffers for equal, since they have no members of their own.
expect.addEqualityTesters([
  (one: unknown, other: unknown) => {
    if (!isArrayBuffer(one) || !isArrayBuffer(other)) return undefined
    const bytes = new Uint8Array(other)
    return one.byteLength === other.byteLength && new Uint8Array(one).every((byte, index) => byte === bytes[index])
  },
])

function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return Object.prototype.toString.call(value) === '[object ArrayBuffer]'
}

beforeEach(() => {
  calls = []
  for (const method of methods) {
    console[method] = (...parts: unknown[]) => {
      calls.push(`console.${method}(${parts.map(String).join(', ')})`)
    }
  }
})

afterEach(() => {
  for (const [method, original] of originals) console[method] = original as (typeof console)[typeof method]
  expect(calls, 'no test may print to the console').toEqual([])
})
