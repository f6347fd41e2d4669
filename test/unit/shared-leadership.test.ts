import { expect, it } from 'vitest'
import { type LeadershipInput, leadershipAfter, leadershipDueAt, outside } from '../../src/shared/leadership.ts'

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

it('a tab that knows the session steals the lock if the tab that asks for one hands it on to a frozen tab', () => {
  const learned: readonly LeadershipInput[] = [
    { type: 'joined' },
    { type: 'synced', term: 2, tab: 'leader' },
    { type: 'learned' },
  ]
  expect(commandsAfter(...learned, { type: 'sought' }).at(-1)).toEqual(['ask'])
  const waitingMs = (...inputs: readonly LeadershipInput[]) => {
    const state = inputs.reduce((before, input) => leadershipAfter(before, input, 0, 'me').state, outside)
    return leadershipDueAt(state, false)
  }
  expect(waitingMs(...learned, { type: 'sought' })).toBe(500)
  const tick: LeadershipInput = { type: 'tick', dueAt: 500 }
  const sought = [...learned, { type: 'sought' } as const].reduce(
    (state, input) => leadershipAfter(state, input, 0, 'me').state,
    outside,
  )
  expect(leadershipAfter(sought, tick, 500, 'me').commands).toEqual(['steal'])
  // The leader lives: the question was an old one, and came late.
  expect(waitingMs(...learned, { type: 'sought' }, { type: 'heard' })).toBe(700)
  // This tab is frozen, and has left the queue for the lock.
  expect(commandsAfter(...learned, { type: 'froze' }, { type: 'sought' }).at(-1)).toEqual([])
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
