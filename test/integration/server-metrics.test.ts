import { expect, it, vi } from 'vitest'
import { type SessionRig, sessionTransports, startRig, transportOf } from '../support/session-rig.ts'

const metricsOf = ({ servers }: SessionRig) => servers.servers[0]?.metrics()

it.concurrent.each(sessionTransports.map(({ type }) => type))(
  'metrics() counts messages, bytes, handler runs, attachments and refusals over %s',
  async (type) => {
    await using rig = await startRig({
      options: {
        authenticate: (_, auth) => (auth === 'right' ? { id: 'ann' } : null),
        onSession: (session) => session.subscribe('news'),
        onMessage: (session, { data }) => session.send(data),
      },
    })
    await using watched = rig.watch({ transports: [transportOf(type)], prepare: () => ({ auth: 'right' }) })
    await watched.nth('open')
    for (const text of ['one', 'two']) watched.client.send(text)
    await watched.client.flushed()
    await rig.servers.servers[0]?.publish('news', 'three')
    await vi.waitFor(() => expect(watched.data).toHaveLength(3), 5000)
    const transport = type === 'websocket' || type === 'sse' ? type : 'polling'
    await vi.waitFor(() => expect(metricsOf(rig)?.messages).toEqual({ received: 2, sent: 3, published: 1 }), 5000)
    expect(metricsOf(rig)).toMatchObject({ sessions: 1, bytes: { received: 6 }, handlers: { onMessage: { runs: 2, errors: 0 } } })
    expect(metricsOf(rig)?.attachments.opened[transport]).toBeGreaterThan(0)
    if (transport !== 'polling') expect(metricsOf(rig)?.attachments.open[transport]).toBe(1)
    expect(metricsOf(rig)?.refused).toEqual([])
    await using wrong = rig.watch({ transports: [transportOf(type)], prepare: () => ({ auth: 'wrong' }) })
    await wrong.nth('close')
    await vi.waitFor(() => expect(metricsOf(rig)?.refused[0]).toMatchObject({ code: 4401, reason: '' }), 5000)
  },
)
