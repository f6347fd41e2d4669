import { describe, expect, it, vi } from 'vitest'
import type { Session } from '../../src/server/index.ts'
import { sessionTransports, startRig, transportOf } from '../support/session-rig.ts'

const count = 20_000
const texts = Array.from({ length: count }, (_, n) => `${n}`.padStart(100))

describe.each(sessionTransports.map(({ type }) => type))('a burst of 20,000 messages in one task over %s', (type) => {
  it.each(['send', 'publish'] as const)('[SP3] reaches an attached client complete and without a gap: %s', async (how) => {
    const sessions: Session[] = []
    await using rig = await startRig({
      options: {
        async onSession(session) {
          sessions.push(session)
          await session.subscribe('news')
        },
      },
    })
    await using watched = rig.watch({ transports: [transportOf(type)] })
    await watched.nth('open')
    const session = await vi.waitUntil(() => sessions[0], 5000)
    // The subscription is active once a published message has arrived.
    await rig.servers.server().publish('news', 'first')
    await watched.nth('message')
    const sent = texts.map((text) => (how === 'send' ? session.send(text) : rig.servers.server().publish('news', text)))
    await Promise.all(sent)
    await vi.waitFor(() => expect(watched.data.length).toBe(count + 1), 30_000)
    expect(watched.data.slice(1)).toEqual(texts)
    expect([watched.of('gap'), watched.of('close'), watched.of('error')]).toEqual([[], [], []])
    expect(rig.servers.errors).toEqual([])
  })
})

it.each(sessionTransports.map(({ type }) => type))(
  'a handler that awaits each of 100,000 messages loses none over %s, even if it began before its client was attached',
  async (type) => {
    const most = 100_000
    await using rig = await startRig({
      options: {
        async onMessage(session) {
          for (let n = 0; n < most; n += 1) await session.send(`${n}`.padStart(100))
        },
      },
    })
    await using watched = rig.watch({ transports: [transportOf(type)] })
    watched.client.send('go')
    await vi.waitFor(() => expect(watched.data.length).toBe(most), { timeout: 50_000, interval: 200 })
    expect(Number(watched.data.at(-1))).toBe(most - 1)
    expect(watched.of('gap')).toEqual([])
    await watched.client.flushed()
  },
)
