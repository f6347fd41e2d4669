import { describe, expect, it } from 'vitest'
import { testsOf, vitestSnippets } from '../support/readme-testing.ts'

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

describe.each(vitestSnippets)('docs/guide/testing.md: %s', async (name) => {
  const tests = await testsOf(name)
  it('has tests', () => expect(tests.length).toBeGreaterThan(0))
  for (const { name: title, run } of tests) it(title, run)
})
