import { describe, expect, it } from 'vitest'
import { documentation, tableOf } from '../support/readme.ts'
import { membersOfClass } from '../support/readme-facts.ts'
import { testsOf, vitestSnippets } from '../support/readme-testing.ts'

const withoutPage = vitestSnippets.filter((name) => name !== 'testing-react')

describe.each(withoutPage)('docs/guide/testing.md, without a page: %s', async (name) => {
  for (const { name: title, run } of await testsOf(name)) it(title, run)
})

it.each([
  ['server.', 'src/testing/fake-server.ts', 'FakeServer', []],
  // What the server and its transports do with a connection, which a test does not see (`ConnectionInternals`).
  [
    'connection.',
    'src/testing/connection.ts',
    'Connection',
    ['isChosen', 'takesBytes', 'attach', 'write', 'end', 'received', 'ended', 'reauthenticated'],
  ],
] as const)('the guide lists all public members of %s', (header, path, name, hidden) => {
  const listed = tableOf(documentation, header).flatMap((row) =>
    [...(row[header] ?? '').matchAll(/(\w+)(?:\(.*?\))?/g)].map(([, each]) => each),
  )
  const members = membersOfClass(path, name).filter((each) => !hidden.some((other) => other === each))
  expect(listed.sort()).toEqual([...members].sort())
})
