import { expect, it } from 'vitest'
import { HeldAnswer } from '../../src/server/delivery/held-answer.ts'
import type { NodeContext } from '../../src/server/node/node-context.ts'
import type { SessionRecord } from '../../src/server/store/ports.ts'

it('a held answer is due when its timer fires, even 1 ms early', () => {
  const timers: { readonly delayMs: number; run(): void }[] = []
  let now = 1000
  const host = { now: () => 0, after: (delayMs: number, run: () => void) => timers.push({ delayMs, run }) }
  const node = { host, elapsedMs: () => now, settings: { heartbeatMs: 20_000 } } as unknown as NodeContext
  const answer = new HeldAnswer(node, 50)
  const told: boolean[] = []
  answer.hold({ write() {} }, { authenticatedAt: 0, principal: {} } as unknown as SessionRecord, () => told.push(answer.isDue))
  expect([answer.isDue, timers.map(({ delayMs }) => delayMs)]).toEqual([false, [50]])
  now = 1049
  timers[0]?.run()
  expect(told).toEqual([true])
})
