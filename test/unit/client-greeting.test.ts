import { describe, expect, it, vi } from 'vitest'
import type { Transport } from '../../src/api/transport.ts'
import { benchOf } from '../support/client-bench.ts'
import { opens, sequence, stalls } from '../support/fake-transport.ts'

describe('a greeting', () => {
  it('is sent first, before what waits', async () => {
    const { client, pass, transport } = benchOf({ websocket: opens() }, { prepare: () => ({ greeting: 'auth' }) })
    client.send('a')
    await pass(10)
    client.send('b')
    expect(transport('websocket').last.link.written).toEqual(['auth', 'a', 'b'])
  })

  it('is posted and answered before what waits', async () => {
    const { client, pass, transport } = benchOf({ sse: opens() }, { prepare: () => ({ greeting: 'auth' }) })
    client.send('a')
    await pass(10)
    const { link } = transport('sse').last
    expect(link.written).toEqual(['auth'])
    if ('answer' in link) link.answer('sent')
    await pass(0)
    expect(link.written).toEqual(['auth', 'a'])
  })

  it('answered after the loss, it starts nothing', async () => {
    const { client, pass, transport } = benchOf({ sse: sequence(opens(), stalls()) }, { prepare: () => ({ greeting: 'auth' }) })
    client.send('a')
    await pass(10)
    const { link } = transport('sse').last
    transport('sse').last.fail({ kind: 'ended' })
    if ('answer' in link) link.answer('sent')
    await pass(0)
    expect(link.written).toEqual(['auth'])
  })

  it('that a transport of the application cannot write ends that attempt', async () => {
    const write = vi.fn(() => {
      throw new Error('not now')
    })
    const own: Transport = {
      type: 'own',
      dial(_, listener) {
        Promise.resolve().then(
          () => listener.opened(),
          () => {},
        )
        return { write, bufferedBytes: () => 0, close() {} }
      },
    }
    const { client, pass, timeline } = benchOf({}, { transports: [own], prepare: () => ({ greeting: 'auth' }) })
    client.send('kept')
    await pass(10)
    expect(timeline).toContainEqual(expect.stringMatching(/error policy.blocked/))
    expect(client.state.status).toBe('waiting')
    expect(await client.close()).toEqual({ unsent: ['kept'], unconfirmed: [] })
  })
})
