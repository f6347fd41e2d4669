import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { nodeHost } from '../../src/server/node/process-host.ts'
import { sessionTransports, startRig, transportOf } from '../support/session-rig.ts'

it.concurrent.each(sessionTransports.map(({ type }) => type))(
  '[SP2] [SP8] a server clock that jumps 10 minutes and back an hour ends no session and repeats no message: %s',
  async (type) => {
    let skewMs = 0
    const host = { ...nodeHost(undefined), now: () => Date.now() + skewMs }
    const received: [data: unknown, redelivered: boolean][] = []
    const ends: unknown[] = []
    await using rig = await startRig({
      options: {
        host,
        heartbeatMs: 1000,
        resumeWindowMs: 4000,
        leaseMs: 1000,
        onEnd: (_, ending) => void ends.push(ending),
        async onMessage(session, { data, redelivered }) {
          received.push([data, redelivered])
          // Long enough that the clock jumps while the lease is held.
          await sleep(300)
          await session.send(data)
        },
      },
    })
    await using watched = rig.watch({ transports: [transportOf(type)] })
    await watched.nth('open')
    for (const [index, jumpMs] of [600_000, -3_600_000, 600_000].entries()) {
      watched.client.send(String(index))
      await vi.waitFor(() => expect(received).toHaveLength(index + 1), 5000)
      skewMs += jumpMs
      await watched.client.flushed()
      await sleep(2500)
    }
    await vi.waitFor(() => expect(watched.data).toEqual(['0', '1', '2']), 5000)
    expect(received).toEqual([
      ['0', false],
      ['1', false],
      ['2', false],
    ])
    expect([ends, watched.of('close'), watched.of('error'), watched.of('gap')]).toEqual([[], [], [], []])
    expect(watched.of('open')).toHaveLength(1)
  },
)
