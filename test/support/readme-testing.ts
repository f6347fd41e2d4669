import * as vitest from 'vitest'
import * as steadfast from '../../src/index.ts'
import { RequestError, session } from '../../src/session/index.ts'
import * as testing from '../../src/testing/index.ts'
import { snippetNamed } from './readme.ts'
import { runSnippet } from './readme-run.ts'

/** The snippets of docs/guide/testing.md that are tests for Vitest; `test/dom/testing-guide.test.ts` runs them in a page. */
export const vitestSnippets = ['testing-vitest', 'testing-timers', 'testing-session', 'testing-calls', 'testing-react'] as const
/** The snippet for Jest, which `test/package/jest.test.ts` runs in Jest. */
export const jestSnippet = 'testing-jest'
/** The snippets under test; the Jest snippet tests the first of them. */
export const testedSnippet = 'prices'
export const testedRoom = 'room'

interface Collected {
  readonly name: string
  readonly run: () => Promise<void>
}

/** The tests of a snippet, each with the snippet's `beforeEach` and `afterEach`. */
export async function testsOf(name: (typeof vitestSnippets)[number]): Promise<readonly Collected[]> {
  const tests: Collected[] = []
  const before: (() => unknown)[] = []
  const after: (() => unknown)[] = []
  const runner = {
    expect: vitest.expect,
    vi: vitest.vi,
    beforeEach: (run: () => unknown) => void before.push(run),
    afterEach: (run: () => unknown) => void after.push(run),
    test(title: string, run: () => Promise<void>) {
      const whole = async () => {
        for (const each of before) await each()
        try {
          await run()
        } finally {
          for (const each of after) await each()
        }
      }
      tests.push({ name: title, run: whole })
    },
  }
  const prices = await runSnippet(snippetNamed(testedSnippet), { steadfast })
  const ofSession = { 'steadfast/session': { RequestError, session } }
  const room = await runSnippet(snippetNamed(testedRoom), { steadfast, ...ofSession })
  const modules = {
    vitest: runner,
    steadfast,
    ...ofSession,
    'steadfast/testing': testing,
    './prices': prices,
    './room': room,
    react: await import('react'),
    'react/jsx-runtime': await import('react/jsx-runtime'),
    'react-dom/client': await import('react-dom/client'),
  }
  await runSnippet(snippetNamed(name), modules)
  return tests
}
