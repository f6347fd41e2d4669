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

const following: readonly LeadershipInput[] = [
  { type: 'joined' },
  { type: 'claimed', term: 1, tab: 'leader' },
  { type: 'learned' },
  { type: 'sought' },
]

it('the first tab to answer a tab that holds the lock and does not know the session steals the lock', () => {
  expect(commandsAfter(...following, { type: 'known', isMe: true }).at(-1)).toEqual(['steal'])
  expect(commandsAfter(...following, { type: 'known', isMe: false }, { type: 'known', isMe: true }).at(-1)).toEqual([])
})

it('a tab that receives the session from the leader of a later term does not join once more', () => {
  const synced: LeadershipInput = { type: 'synced', term: 2, tab: 'leader' }
  expect(commandsAfter({ type: 'joined' }, synced, { type: 'learned' })).toEqual([['wait', 'join'], [], []])
  expect(commandsAfter({ type: 'joined' }, { ...synced, type: 'claimed' }).at(-1)).toEqual(['join'])
})

it('a tab whose answer comes after the claim of the tab that asked, since it was frozen, steals nothing', () => {
  const claimed: LeadershipInput = { type: 'claimed', term: 2, tab: 'seeker' }
  expect(commandsAfter(...following, claimed, { type: 'known', isMe: true }).at(-1)).toEqual([])
})
