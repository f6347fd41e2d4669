import { expect, it } from 'vitest'
import { type LeadershipInput, leadershipAfter, outside } from '../../src/shared/leadership.ts'

/** The commands of a tab `me` upon each of these inputs, one after the other. */
function commandsAfter(...inputs: readonly LeadershipInput[]): readonly (readonly string[])[] {
  let state = outside
  return inputs.map((input, index) => {
    const step = leadershipAfter(state, input, 100 * index, 'me')
    state = step.state
    return step.commands
  })
}

it('a tab that holds the lock and does not know the session hands the lock on once another tab answers that it does', () => {
  const granted: LeadershipInput = { type: 'granted', isAlone: false }
  expect(commandsAfter({ type: 'joined' }, granted, { type: 'known' })).toEqual([['wait', 'join'], ['who'], ['release', 'wait']])
  expect(commandsAfter({ type: 'joined' }, { type: 'known' }).at(-1)).toEqual([])
})

it('a tab that receives the session from the leader of a later term does not join once more', () => {
  const synced: LeadershipInput = { type: 'synced', term: 2, tab: 'leader' }
  expect(commandsAfter({ type: 'joined' }, synced, { type: 'learned' })).toEqual([['wait', 'join'], [], []])
  expect(commandsAfter({ type: 'joined' }, { ...synced, type: 'claimed' }).at(-1)).toEqual(['join'])
})
