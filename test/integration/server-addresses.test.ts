import { expect, it, vi } from 'vitest'
import { sessionTransports, startRig, type TransportName, transportOf } from '../support/session-rig.ts'

const names: readonly TransportName[] = sessionTransports.map(({ type }) => type)

it.each(names)('over %s the record of an anonymous session has the address by which the store evicts messages', async (type) => {
  for (const [options, id, address] of [
    [{}, 'anonymous', '203.0.113.7'],
    [{ authenticate: () => ({ id: 'ann' }) }, 'ann', undefined],
  ] as const) {
    await using rig = await startRig({ options: { ...options, addressOf: () => '203.0.113.7' } })
    await using watched = rig.watch({ transports: [transportOf(type)] })
    await watched.nth('open')
    const { sessions } = rig.servers.store
    const [session = ''] = await vi.waitFor(async () => {
      const found = await sessions.sessionsOf(id)
      expect(found).toHaveLength(1)
      return found
    }, 5000)
    expect((await sessions.read(session))?.record.address).toBe(address)
    // Later versions of the record keep it.
    watched.client.send('hello')
    await watched.client.flushed()
    expect((await sessions.read(session))?.record.address).toBe(address)
  }
})
