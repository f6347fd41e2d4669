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

it.each<readonly [string, readonly LeadershipInput[]]>([
  [
    'and begins another session',
    [{ type: 'joined' }, { type: 'claimed', term: 5, tab: 'other' }, { type: 'granted', isAlone: true }],
  ],
  [
    'if another tab announces another session first',
    [{ type: 'joined' }, { type: 'granted', isAlone: true }, { type: 'claimed', term: 5, tab: 'other' }, { type: 'forgot' }],
  ],
])('a tab that claims to lead %s obeys no other tab until it leads', (_, inputs) => {
  const after = inputs.reduce((state, input) => leadershipAfter(state, input, 100, 'me').state, outside)
  expect([after.role, after.leader]).toEqual(['claiming', null])
  const { state, commands } = leadershipAfter(after, { type: 'claimed', term: 6, tab: 'me' }, 200, 'me')
  expect([state.role, state.leader, commands]).toEqual(['leading', 'me', ['lead']])
})
