import { expect, it } from 'vitest'
import type { ClientHello } from '../../src/server/delivery/parse-frames.ts'
import { ForeignStores } from '../../src/server/node/foreign-stores.ts'

const session = 'a'.repeat(22)

function helloOf(k: number, stores: readonly string[]): ClientHello {
  return { v: 1, session, k, n: 1, last: 0, cursor: new Map(), stores }
}

function watched() {
  const errors: string[] = []
  return { errors, foreign: new ForeignStores({ id: 'here' }, (error) => errors.push(error.message)) }
}

it('reports a POST that belongs to a later attachment at the other store than a refused one', () => {
  const { errors, foreign } = watched()
  expect(foreign.has(helloOf(1, ['there']), 0)).toBe(true)
  expect(errors).toEqual([])
  expect(foreign.has(helloOf(2, ['there']), 1000)).toBe(true)
  expect(errors).toEqual([expect.stringContaining('two servers with a store of their own')])
  foreign.has(helloOf(3, ['there']), 1100)
  expect(errors).toHaveLength(1)
})

it('takes the last POST of a client that closes, while it was about to attach again, for one after a restart', () => {
  const { errors, foreign } = watched()
  foreign.has(helloOf(1, ['there']), 0)
  expect(foreign.has(helloOf(2, ['there']), 500, true)).toBe(true)
  expect(errors).toEqual([])
})

it('takes POSTs of one attachment for those of a restart while the client may not have noticed it', () => {
  const { errors, foreign } = watched()
  for (const at of [0, 500, 3000]) foreign.has(helloOf(1, ['there']), at)
  expect(errors).toEqual([])
  foreign.has(helloOf(1, ['there']), 3001)
  expect(errors).toHaveLength(1)
})

it('does not report sessions of its own store, nor of another that replaced it', () => {
  const { errors, foreign } = watched()
  for (const stores of [['here'], ['here', 'there'], []]) expect(foreign.has(helloOf(1, stores), 0)).toBe(false)
  foreign.compare(helloOf(2, ['here', 'there']))
  expect(errors).toEqual([])
  foreign.compare(helloOf(3, ['there', 'here']))
  expect(errors).toHaveLength(1)
})
