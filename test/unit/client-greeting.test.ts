import { describe, expect, it, vi } from 'vitest'
import type { Transport } from '../../src/api/transport.ts'
import { benchOf } from '../support/client-bench.ts'
import { opens, sequence, stalls } from '../support/fake-transport.ts'

describe('a greeting', () => {
  it('is sent before the queued messages', async () => {
    const { client, pass, transport } = benchOf({ websocket: opens() }, { prepare: () => ({ greeting: 'auth' }) })
    client.send('a')
    await pass(10)
    client.send('b')
    expect(transport('websocket').last.link.written).toEqual(['auth', 'a', 'b'])
  })

  it('over HTTP is posted and answered before the queued messages are sent', async () => {
    const { client, pass, transport } = benchOf({ sse: opens() }, { prepare: () => ({ greeting: 'auth' }) })
    client.send('a')
    await pass(10)
    const { link } = transport('sse').last
    expect(link.written).toEqual(['auth'])
    if ('answer' in link) link.answer('sent')
    await pass(0)
    expect(link.written).toEqual(['auth', 'a'])
  })

  it('over HTTP that is answered after the connection was lost starts no sending', async () => {
    const { client, pass, transport } = benchOf({ sse: sequence(opens(), stalls()) }, { prepare: () => ({ greeting: 'auth' }) })
    client.send('a')
    await pass(10)
    const { link } = transport('sse').last
    transport('sse').last.fail({ kind: 'ended' })
    if ('answer' in link) link.answer('sent')
    await pass(0)
    expect(link.written).toEqual(['auth'])
  })

  it('that a transport of the application fails to write ends the attempt', async () => {
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
