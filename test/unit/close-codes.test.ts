import { expect, it } from 'vitest'
import { RealtimeClient } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { shared } from '../../src/shared/index.ts'

const url = 'http://127.0.0.1:9/realtime'

it.each([
  ['a session', { protocol: session() }],
  ['a shared session', { protocol: session(), connection: shared({ key: 'somebody' }) }],
])('refuses to close %s with the code that hangs up without ending it, and closes it with another', async (_, options) => {
  const client = new RealtimeClient(url, { ...options, autoConnect: false })
  expect(() => client.close(4000)).toThrow(new TypeError('RealtimeClient: the close code 4000 is reserved by the protocol.'))
  expect(client.state.status).toBe('idle')
  await client.close(4001)
  expect(client.state).toMatchObject({ status: 'closed', code: 4001 })
})

it('closes a client in plain mode with 4000', async () => {
  const client = new RealtimeClient(url, { autoConnect: false })
  await client.close(4000)
  expect(client.state).toMatchObject({ status: 'closed', code: 4000 })
})
