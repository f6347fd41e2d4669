import { describe, expect, it } from 'vitest'
import { RealtimeServer } from '../../src/server/index.ts'
import { memoryStore } from '../../src/server/memory-store.ts'
import { settingsOf } from '../../src/server/settings.ts'

describe('options', () => {
  it('are complete without any', () => {
    const { path, origins, node, scope } = settingsOf({})
    expect([path, origins, scope]).toEqual(['/realtime', [], 'all'])
    expect(node).toMatchObject({
      heartbeatMs: 15_000,
      resumeWindowMs: 120_000,
      leaseMs: 10_000,
      tickMs: 1000,
      isAuthenticating: false,
    })
    expect(node.limits).toMatchObject({ maxMessageBytes: 1_048_576, maxBatchBytes: 4_194_304, maxSubscriptions: 256 })
    expect(settingsOf({ limits: { maxMessageBytes: 10 } }).node.limits.maxBatchBytes).toBe(40)
    expect(settingsOf({ ...memoryStore() }).scope).toBe('node')
  })

  it.each<[unknown, string]>([
    [null, 'the argument must be an object of options; it was null'],
    [{ colour: 'red' }, 'colour must be left out; there are path, authenticate, origins, limits, topics, sessions, heartbeatMs'],
    [{ path: 'realtime' }, "path must be a path that begins with '/'; it was 'realtime'"],
    [{ path: 7 }, 'path must be a string; it was 7'],
    [{ origins: 'https://app.example' }, "origins must be a list of origins, or a function; it was 'https://app.example'"],
    [
      { origins: ['https://app.example/'] },
      "origins[0] must be an origin as 'https://app.example', without a path; it was 'https://app.example/'",
    ],
    [{ origins: ['*'] }, "origins[0] must be an origin as 'https://app.example', without a path; it was '*'"],
    [{ heartbeatMs: 0 }, 'heartbeatMs must be a number from 1 up; it was 0'],
    [{ resumeWindowMs: Number.NaN }, 'resumeWindowMs must be a number from 1 up; it was NaN'],
    [{ leaseMs: '10' }, "leaseMs must be a number; it was '10'"],
    [{ limits: { colour: 1 } }, 'limits.colour must be left out; there are maxMessageBytes, maxBatchBytes'],
    [{ limits: { maxSessions: -1 } }, 'limits.maxSessions must be a number from 1 up; it was -1'],
    [{ onMessage: 'x' }, "onMessage must be a function; it was 'x'"],
    [{ topics: memoryStore().topics }, 'sessions must be given together with the other: they are one store; it was undefined'],
    [
      { topics: {}, sessions: memoryStore().sessions },
      'topics must be a store with append, readAfter, tail, trim, watch; append is missing; it was an object',
    ],
  ])('%j is refused', (options, message) => {
    expect(() => new RealtimeServer(options as never)).toThrow(TypeError)
    expect(() => new RealtimeServer(options as never)).toThrow(`RealtimeServer: ${message}`)
  })
})
