import { describe, expect, it } from 'vitest'
import { benchOf } from '../support/client-bench.ts'
import { opens } from '../support/fake-transport.ts'

describe('held requests', () => {
  const host = { claim: () => Promise.resolve(null) }

  it('are not made while other tabs hold all slots, if the client can poll instead', async () => {
    const { pass, timeline } = benchOf({ sse: opens(), poll: opens() }, { host })
    await pass(20)
    expect(timeline).toContain('0 error client.pool_exhausted')
    expect(timeline.at(-1)).toBe('10 state open')
  })

  it('are made without a slot if the client cannot poll', async () => {
    const { client, pass } = benchOf({ sse: opens() }, { host })
    await pass(20)
    expect(client.state).toMatchObject({ status: 'open', transport: 'sse' })
  })

  it('take one slot of their origin, and release it when the client is closed', async () => {
    const asked: unknown[] = []
    let held = 0
    const claim = async (slots: readonly string[]) => {
      asked.push(slots)
      held += 1
      return () => {
        held -= 1
      }
    }
    const { client, pass } = benchOf({ sse: opens(), poll: opens() }, { host: { claim } })
    await pass(20)
    expect(asked).toEqual([[0, 1, 2, 3].map((slot) => `steadfast:https://api.example:${slot}`)])
    expect(held).toBe(1)
    await client.close()
    expect(held).toBe(0)
  })

  it('release a slot at once that is granted after the attempt was given up', async () => {
    let give = (_release: () => void) => {}
    let isFree = false
    const claim = () =>
      new Promise<() => void>((resolve) => {
        give = resolve
      })
    const { client, pass, transport } = benchOf({ sse: opens(), poll: opens() }, { host: { claim } })
    await pass(20)
    await client.close()
    give(() => {
      isFree = true
    })
    await pass(0)
    expect(isFree).toBe(true)
    expect(transport('sse').dials).toEqual([])
  })

  it('count as a failed attempt if the browser rejects the request for a slot', async () => {
    const claim = () => Promise.reject(new Error('SecurityError'))
    const { client, pass } = benchOf({ sse: opens(), poll: opens() }, { host: { claim } })
    await pass(20)
    expect(client.state).toMatchObject({ status: 'open', transport: 'poll' })
  })

  it('are made if the browser never answers; a slot that is granted late is released when the client is closed', async () => {
    let give = (_release: () => void) => {}
    let isFree = false
    const claim = () =>
      new Promise<() => void>((resolve) => {
        give = resolve
      })
    const { client, pass } = benchOf({ sse: opens(), poll: opens() }, { host: { claim }, raceAfterMs: 5000 })
    await pass(1010)
    expect(client.state).toMatchObject({ status: 'open', transport: 'sse' })
    give(() => {
      isFree = true
    })
    await pass(1000)
    expect(isFree).toBe(false)
    await client.close()
    await pass(0)
    expect(isFree).toBe(true)
  })
})
