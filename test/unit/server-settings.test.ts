import { describe, expect, it } from 'vitest'
import { gateway } from '../../src/gateway/index.ts'
import { redisStore } from '../../src/redis/index.ts'
import { RealtimeServer } from '../../src/server/index.ts'
import { defaultLimits } from '../../src/server/limits.ts'
import { settingsOf } from '../../src/server/settings.ts'
import { memoryStore } from '../../src/server/store/memory/memory-store.ts'

function failureOf(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('It did not fail.')
}

describe('options', () => {
  it('have defaults', () => {
    const { path, origins, node, scope } = settingsOf({})
    expect([path, origins, scope]).toEqual(['/realtime', [], 'all'])
    expect(node).toMatchObject({
      heartbeatMs: 25_000,
      resumeWindowMs: 120_000,
      leaseMs: 10_000,
      tickMs: 1000,
      isAuthenticating: false,
    })
    expect(node.limits).toMatchObject({ maxMessageBytes: 1_048_576, maxBatchBytes: 4_194_304, maxSubscriptions: 256 })
    expect(settingsOf({ limits: { maxMessageBytes: 10 } }).node.limits.maxBatchBytes).toBe(40)
    expect(settingsOf({ ...memoryStore() }).scope).toBe('node')
  })

  it('may be Infinity where that means no limit', () => {
    const names = Object.keys(defaultLimits).filter((name) => name !== 'maxMessageBytes' && name !== 'maxBatchBytes')
    const { limits } = settingsOf({ limits: Object.fromEntries(names.map((name) => [name, Infinity])) }).node
    for (const name of names) expect(Reflect.get(limits, name), name).toBe(Infinity)
    expect(settingsOf({ heartbeatMs: 10_000 / 3 }).node.heartbeatMs).toBe(3333)
    expect(settingsOf({ heartbeatMs: 2 ** 31 - 1, limits: { bodyTimeoutMs: 2 ** 31 - 1 } }).node.heartbeatMs).toBe(2 ** 31 - 1)
  })

  it('admit a request body of maxBatchBytes, also for a large maxMessageBytes', () => {
    const { limits } = settingsOf({ limits: { maxMessageBytes: 2 ** 27 } }).node
    expect(limits.bodyBytesPerClient).toBeGreaterThanOrEqual(limits.maxBatchBytes)
    expect(limits.maxBodyBytes).toBeGreaterThanOrEqual(limits.maxBatchBytes)
    expect(limits.maxBatchBytes).toBeLessThan(2 ** 29)
  })

  it.each([Infinity, 2 ** 31, -1, Number.NaN])('close() refuses %d for drainMs', async (drainMs) => {
    const server = new RealtimeServer()
    await expect(server.close({ drainMs })).rejects.toThrow('`drainMs` as a number from 0 to 2,147,483,647')
    await server.close({ drainMs: 0 })
  })

  it.each([
    [{ drain: 5 }, "close(): unknown option 'drain'; did you mean 'drainMs'? There is drainMs."],
    [500, 'close() takes options as an object; it was a number.'],
  ])('close(%j) is refused', async (options, message) => {
    const server = new RealtimeServer()
    await expect(server.close(options as never)).rejects.toThrow(message)
    await server.close({ drainMs: 0 })
  })

  it.each<[string, (text: string) => unknown]>([
    ['a path', (path) => new RealtimeServer({ path })],
    ['origins', (text) => new RealtimeServer({ origins: text as never })],
    ['one of the origins', (text) => new RealtimeServer({ origins: [text] })],
    ['an unknown option', (text) => new RealtimeServer({ [text]: 1 } as never)],
    ['a proxy', (trustProxy) => new RealtimeServer({ trustProxy })],
    ['a limit', (text) => new RealtimeServer({ limits: { maxMessageBytes: text as never } })],
    ['a limit of memoryStore()', (text) => memoryStore({ maxBytes: text as never })],
    ['an option of redisStore()', (text) => redisStore({ client: text as never })],
    ['an unknown option of gateway()', (text) => gateway({ target: 'ws://127.0.0.1:1/', [text]: 1 } as never)],
  ])('an error shows only the beginning of a long text: %s', (_, run) => {
    const text = `x'${'y'.repeat(100_000)}`
    const failure = failureOf(() => run(text))
    expect(failure.message).toContain(`x'${'y'.repeat(90)}`)
    expect(failure.message.length).toBeLessThan(800)
  })

  it.each<[unknown, string]>([
    [null, 'the argument must be an object of options; it was null'],
    [
      { colour: 'red' },
      "unknown option 'colour'; there are path, authenticate, origins, codec, limits, topics, sessions, heartbeatMs",
    ],
    [
      { ...memoryStore(), close: async () => {} },
      'close is not an option: pass { topics: store.topics, sessions: store.sessions } instead of { ...store }.',
    ],
    [{ origin: 'https://app.example' }, "unknown option 'origin'; did you mean 'origins'? There are path, "],
    [{ resumeWindow: 5 }, "unknown option 'resumeWindow'; did you mean 'resumeWindowMs'? There are path, "],
    [{ codec: function json() {} }, 'codec must be an object; it was a function: call it, as codec: json()'],
    [{ codec: {} }, 'codec must be an object with encode() and decode(); it was an object'],
    [{ listen() {} }, 'the argument must be an object of options; it was an object: give the server to attach()'],
    [{ path: 'realtime' }, "path must be a path that begins with '/'; it was 'realtime'"],
    [{ path: 7 }, 'path must be a string; it was 7'],
    [
      { origins: 'https://app.example' },
      "origins must be a list of origins, or a function; it was 'https://app.example': write origins: ['https://app.example']",
    ],
    [
      { origins: '*' },
      "origins must be a list of origins, or a function; it was '*': any page on the web could then act as the user who visits it; if you mean that, write () => true",
    ],
    [
      { origins: /app/ },
      'origins must be a list of origins, or a function; it was an object: write a function: (origin) => pattern.test(origin)',
    ],
    [
      { origins: 'https://app.example/' },
      "origins must be a list of origins, or a function; it was 'https://app.example/': write origins: ['https://app.example']",
    ],
    [
      { origins: ['https://app.example/'] },
      "origins[0] must be an origin as 'https://app.example', without a path; it was 'https://app.example/'",
    ],
    [{ origins: ['*'] }, "origins[0] must be an origin as 'https://app.example', without a path; it was '*'"],
    [{ heartbeatMs: 0 }, 'heartbeatMs must be a number of milliseconds from 1 to 2,147,483,647; it was 0'],
    [{ heartbeatMs: 2 ** 31 }, 'heartbeatMs must be a number of milliseconds from 1 to 2,147,483,647; it was 2147483648'],
    [
      { heartbeatMs: Infinity },
      'heartbeatMs must be a number of milliseconds from 1 to 2,147,483,647: the server sends it to clients, which would never notice that a connection is dead; it was Infinity',
    ],
    [{ resumeWindowMs: Number.NaN }, 'resumeWindowMs must be a number of milliseconds from 1 to 2,147,483,647; it was NaN'],
    [
      { resumeWindowMs: Infinity },
      'resumeWindowMs must be a number of milliseconds from 1 to 2,147,483,647: the server sends it',
    ],
    [{ leaseMs: Infinity }, 'leaseMs must be a number of milliseconds from 1 to 2,147,483,647: messages that a node had taken'],
    [{ leaseMs: 2 ** 31 }, 'leaseMs must be a number of milliseconds from 1 to 2,147,483,647; it was 2147483648'],
    [{ leaseMs: '10' }, "leaseMs must be a number; it was '10'"],
    [{ limits: { colour: 1 } }, "unknown option 'limits.colour'; there are maxMessageBytes, maxBatchBytes"],
    [{ limits: { maxSessions: -1 } }, 'limits.maxSessions must be an integer from 1 up, or Infinity for no limit; it was -1'],
    [{ limits: { maxSessions: 1.5 } }, 'limits.maxSessions must be an integer from 1 up, or Infinity for no limit; it was 1.5'],
    [
      { limits: { maxSessions: Number.NaN } },
      'limits.maxSessions must be an integer from 1 up, or Infinity for no limit; it was NaN',
    ],
    [{ limits: { maxSessions: '9' } }, "limits.maxSessions must be a number; it was '9'"],
    [{ limits: { maxSessions: null } }, 'limits.maxSessions must be a number; it was null'],
    [
      { limits: { bodyTimeoutMs: 2 ** 31 } },
      'limits.bodyTimeoutMs must be a number of milliseconds from 1 to 2,147,483,647, or Infinity for never; it was 2147483648',
    ],
    [
      { limits: { authenticateTimeoutMs: 0 } },
      'limits.authenticateTimeoutMs must be a number of milliseconds from 1 to 2,147,483,647, or Infinity for never; it was 0',
    ],
    [
      { limits: { maxMessageBytes: Infinity } },
      'limits.maxMessageBytes must be an integer from 1 to 134,217,728: the server sends it to clients, and a message has to fit into one text; it was Infinity',
    ],
    [{ limits: { maxBatchBytes: 2 ** 30 } }, 'limits.maxBatchBytes must be an integer from 1 to 536,870,888: a batch has to fit'],
    [{ onMessage: 'x' }, "onMessage must be a function; it was 'x'"],
    [
      { topics: memoryStore().topics },
      'sessions must be given together with topics; it was undefined: write topics: store.topics, sessions: store.sessions',
    ],
    [{ topics: memoryStore() }, 'sessions must be given together with topics; it was undefined: write topics: store.topics'],
    [{ store: memoryStore() }, 'store is not an option: write topics: store.topics, sessions: store.sessions'],
    [
      { topics: {}, sessions: memoryStore().sessions },
      'topics must be a store with append, readAfter, tails, watch; append is missing; it was an object',
    ],
  ])('%j is refused', (options, message) => {
    expect(() => new RealtimeServer(options as never)).toThrow(TypeError)
    expect(() => new RealtimeServer(options as never)).toThrow(`RealtimeServer: ${message}`)
  })
})
