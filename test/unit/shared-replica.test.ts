import { expect, it } from 'vitest'
import type { SessionSender } from '../../src/session/session-sender.ts'
import type { Origin, Shared } from '../../src/shared/messages.ts'
import { Replica } from '../../src/shared/replica.ts'
import { openFrame } from '../support/hand-network.ts'
import { sessionBench } from '../support/session-bench.ts'

/** A tab's copy of a session, which has read the messages 1 to `through` of stream 0. */
function tabThatRead(through: number) {
  const { session, sender } = sessionBench()
  const received: unknown[] = []
  const replica = new Replica(session, sender as SessionSender<unknown> as SessionSender<Origin>, {
    received: ({ data }) => void received.push(data),
    settledBelow() {},
  })
  const read = (from: number, to: number) => {
    for (let offset = from; offset <= to; offset += 1) replica.apply(`m0.${offset}:${offset}`, '')
  }
  replica.apply(openFrame(), '')
  read(1, through)
  return { replica, received, read }
}

function sharedOf(replica: Replica): Shared {
  return {
    session: replica.snapshot(),
    opened: replica.session.opened,
    uses: [[], []],
    asked: [],
    origins: [],
    assigned: [],
    state: { status: 'closed', code: 1006, reason: '', diagnosis: null },
    open: null,
    isUp: true,
  }
}

it('a tab that has read more than the leader it joins receives nothing twice', () => {
  const leader = tabThatRead(3)
  const tab = tabThatRead(5)
  expect(tab.replica.adopt(sharedOf(leader.replica), leader.replica.past, [])).toEqual({ gaps: [], messages: [], ended: [] })
  // The leader reads these again, as the server sends them after what the leader has acknowledged.
  tab.read(4, 6)
  expect(tab.received).toEqual(['1', '2', '3', '4', '5', '6'])
})
