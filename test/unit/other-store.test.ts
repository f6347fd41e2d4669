import { expect, it } from 'vitest'
import type { Delivery } from '../../src/api/transport.ts'
import { openFrame } from '../support/hand-network.ts'
import { promised } from '../support/manual-host.ts'
import { SessionPostLink, sessionBench } from '../support/session-bench.ts'

const otherStore = { kind: 'closed', code: 4503, reason: 'another store', wasClean: true } as const

/** A polling client whose session was opened by the store `a`, with a POST on its way. */
async function posting() {
  const bench = sessionBench()
  const link = bench.attach(new SessionPostLink({ tellsCursor: true }), { store: 'a' })
  link.posts[0]?.settle({ outcome: 'sent' })
  await promised()
  bench.send('hello')
  await promised()
  const answer = (delivery: Delivery) => link.posts.at(-1)?.settle(delivery)
  return {
    bench,
    refuse: () => answer({ outcome: 'unconfirmed', report: otherStore }),
    accept: () => answer({ outcome: 'sent' }),
  }
}

it('[SP12] a POST that another store refuses, while the session stays at the first one, shows that they are two', async () => {
  const { bench, accept, refuse } = await posting()
  refuse()
  await bench.wait(1000)
  expect(bench.divisions).toBe(0)
  accept()
  await promised()
  expect(bench.divisions).toBe(1)
})

it.each(['before', 'after'])('[SP12] a restart is none: the refusal arrives %s the new session', async (order) => {
  const { bench, accept, refuse } = await posting()
  const open = () => bench.read(openFrame({ store: 'b', epoch: 'e2' }))
  for (const step of order === 'before' ? [refuse, open] : [open, refuse]) {
    step()
    await promised()
  }
  await bench.wait(1000)
  accept()
  await promised()
  expect(bench.divisions).toBe(0)
})
