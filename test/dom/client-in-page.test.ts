import { afterEach, describe, expect, it, vi } from 'vitest'
import { RealtimeClient } from '../../src/index.ts'

afterEach(() => void vi.restoreAllMocks())

describe('a client in a page', () => {
  it('adds its page listeners when it connects, and removes all of them when it is closed', async () => {
    const balance = new Map<string, number>()
    for (const target of [globalThis, document]) {
      const count = (by: number) => (type: string, _: unknown, isCapturing?: unknown) => {
        const name = `${type}${isCapturing ? ', capturing' : ''}`
        balance.set(name, (balance.get(name) ?? 0) + by)
      }
      vi.spyOn(target, 'addEventListener').mockImplementation(count(1))
      vi.spyOn(target, 'removeEventListener').mockImplementation(count(-1))
    }
    const dial = () => ({ write: () => undefined, bufferedBytes: () => 0, close() {} })
    const client = new RealtimeClient('https://api.example/', { transports: [{ type: 'own', dial }] })
    expect(balance.size).toBe(0)
    await Promise.resolve()
    expect([...balance.values()]).toEqual(Array(9).fill(1))
    await client.close()
    expect([...balance.values()]).toEqual(Array(9).fill(0))
  })
})
