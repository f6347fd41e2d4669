import { describe, expect, it } from 'vitest'
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
})
