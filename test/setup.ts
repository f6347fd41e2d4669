import { afterEach, beforeEach, expect } from 'vitest'

// A library that prints into its user's console is broken, and a test that prints hides what it found.
const methods = ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'table'] as const
const originals = new Map(methods.map((method) => [method, console[method]]))
let calls: string[] = []

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
