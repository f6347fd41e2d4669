import { describe, expect, it } from 'vitest'
import { Roll } from '../../src/shared/roll.ts'

/** The leader's roll; each message is received as soon as it has its number. */
function leading() {
  const roll = new Roll()
  roll.revoked({ first: 1, last: 0 })
  const post = (tab: string, seq: number | null, ...messages: string[]) => {
    const assigned = roll.assign(tab, seq, messages)
    for (const each of assigned) roll.heard(each)
    return assigned.map(({ n, data }) => `${n}:${data}`)
  }
  return { roll, post }
}

describe('the numbers of messages', () => {
  it('are given once to each message of a tab, and to none after a missing one', () => {
    const { post } = leading()
    expect(post('a', 1, 'one', 'two')).toEqual(['1:one', '2:two'])
    expect(post('a', 2, 'two', 'three')).toEqual(['3:three'])
    expect(post('a', 5, 'five')).toEqual([])
    expect(post('b', 2, 'second')).toEqual([])
    expect(post('b', 1, 'first')).toEqual(['4:first'])
  })

  it.each(['the same leader', 'the next leader'])(
    'go on under %s for a tab that was idle while thousands came and went',
    (leader) => {
      const { roll, post } = leading()
      expect(post('idle', 1, 'one')).toEqual(['1:one'])
      for (let n = 0; n < 3000; n += 1) post(`tab ${n}`, 1, 'hello')
      expect([roll.assigned.length, roll.of('idle')]).toEqual([1000, 0])
      if (leader === 'the next leader') roll.revoked({ first: 1, last: 3001 })
      expect(post('idle', 2, 'two')).toEqual(['3002:two'])
      expect(post('idle', 2, 'two', 'three')).toEqual(['3003:three'])
      expect(roll.of('idle')).toBe(3)
    },
  )

  it('go on for a tab that was evicted while its message was on the channel', () => {
    const { roll, post } = leading()
    post('oldest', 1, 'one')
    for (let n = 0; n < 999; n += 1) post(`tab ${n}`, 1, 'hello')
    const onTheWay = [...roll.assign('new', 1, ['hello']), ...roll.assign('oldest', 2, ['two'])]
    for (const each of onTheWay) roll.heard(each)
    expect(post('oldest', 3, 'three')).toEqual(['1003:three'])
  })
})
