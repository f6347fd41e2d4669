import { afterEach, beforeEach, expect } from 'vitest'

// A library that prints into its user's console is broken, and a test that prints hides what it found.
const methods = ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'table'] as const
const originals = new Map(methods.map((method) => [method, console[method]]))
let calls: string[] = []
/** Concurrent tests share the console: the first one replaces it, and the last one restores it and checks what was printed. */
let running = 0

// `toEqual` takes any two ArrayBuffers for equal, since they have no own properties.
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
  running += 1
  if (running > 1) return
  calls = []
  for (const method of methods) {
    console[method] = (...parts: unknown[]) => {
      calls.push(`console.${method}(${parts.map(String).join(', ')})`)
    }
  }
})

afterEach(() => {
  running -= 1
  if (running === 0) for (const [method, original] of originals) console[method] = original as (typeof console)[typeof method]
  expect(calls.splice(0), 'no test may print to the console').toEqual([])
})
