import { describe, expect, it } from 'vitest'
import { RealtimeClient } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { createFakeServer } from '../../src/testing/index.ts'

// The Headers of happy-dom keep the case of their names.
describe.each([{ type: 'sse' }, { type: 'long-poll' }, { type: 'poll', intervalMs: 20 }] as const)(
  'a fake server in a page is reached over $type',
  (transport) => {
    it.each(['plain', 'session'] as const)('in the mode %s', async (mode) => {
      const server = createFakeServer()
      const client = new RealtimeClient('https://example.test/live', {
        transports: [transport],
        protocol: mode === 'session' ? session() : 'plain',
        ...server.options,
      })
      const received = new Promise((resolve) => client.on('message', ({ data }) => resolve(data)))
      const connection = await server.nextConnection()
      expect([connection.transport, connection.session !== null]).toEqual([
        transport.type === 'sse' ? 'sse' : 'poll',
        mode === 'session',
      ])
      client.send('hello')
      expect(await server.nextMessage()).toBe('hello')
      connection.send('welcome')
      expect(await received).toBe('welcome')
      await client.close()
      expect(server.close()).toEqual([])
    })
  },
)
