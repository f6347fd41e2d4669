import { expect, it } from 'vitest'
import { AttackedServer } from '../support/attacked-server.ts'
import { randomSession, rawSend } from '../support/raw-client.ts'
import { postText, RawTcp, requestText, upgradeText } from '../support/raw-tcp.ts'

const limits = { attachmentsPerSecond: 100_000 }
/** An answer that was written is worth no more of a connection, in milliseconds, with room. */
const goneWithinMs = 14_000

const answered: Readonly<Record<string, () => string>> = {
  'an upgrade without our subprotocol': () => upgradeText(null),
  'an upgrade of another path': () => upgradeText(null, {}, '/other'),
  'a handshake without a key': () => upgradeText({ session: randomSession() }, { 'Sec-WebSocket-Key': '' }),
  'what is no HTTP': () => 'no HTTP at all\r\n\r\n',
  'headers that are too large': () => requestText('GET', '/realtime', { a: 'x'.repeat(20_000) }),
  'a body that is refused before it has come': () => postText('{}', [], { Origin: 'null', 'Content-Length': '100000' }),
  'a hello over a WebSocket that is none': () => upgradeText('{}'),
}

it('half-open connections are gone soon after their answer', async () => {
  await using server = await AttackedServer.start('plain', { limits })
  const before = await server.account()
  const raws = await Promise.all(
    Object.values(answered).flatMap((textOf) =>
      Array.from({ length: 10 }, async () => {
        const raw = await RawTcp.open(server.port, { isHalfOpen: true })
        await raw.write(textOf())
        return raw
      }),
    ),
  )
  try {
    await server.returnsTo(before, { limitMs: goneWithinMs })
    await server.stillServes()
  } finally {
    for (const raw of raws) raw.reset()
  }
})

it('an event stream that nobody reads loses its connection when its time is over', async () => {
  await using server = await AttackedServer.start('plain', { limits, heartbeatMs: 250, resumeWindowMs: 1000 })
  const before = await server.account()
  const session = randomSession()
  using raw = await RawTcp.open(server.port, { isHalfOpen: true })
  await raw.write(postText({ session, turn: 1 }))
  await raw.answered(1)
  raw.pause()
  await server.order({ type: 'send', session, text: 'x'.repeat(5000), count: 20 })
  // Silence is measured beside the time that what is on its way would take on a slow link, 10 s here; then 5 s are left to read the end.
  const limitMs = 30_000
  await server.until(({ sockets }) => sockets <= before.sockets, 'the socket', limitMs)
})

it('sessions to which nobody comes back are over in time, however many', async () => {
  await using server = await AttackedServer.start('plain', { limits, resumeWindowMs: 8000 })
  const count = 4000
  using raw = await RawTcp.open(server.port)
  for (let made = 0; made < count; made += 100) {
    const texts = Array.from({ length: 100 }, () => postText({ session: randomSession(), wait: 0, turn: 1 }))
    await raw.write(texts.join(''))
    await raw.answered(100)
    raw.forget()
  }
  const { sessions } = await server.account({ isSettled: false })
  expect(sessions).toBeGreaterThan(count / 2)
  // A session stands for a window and what a node may be late to say that it is attached: a third of it.
  await server.until((account) => account.sessions === 0, 'no session', 20_000)
})

it.each(['authenticateTimeoutMs', 'bodyTimeoutMs'])('limits.%s: Infinity lets everybody in', async (name) => {
  await using server = await AttackedServer.start('plain', {
    isAuthenticating: true,
    authenticateMs: 50,
    limits: { [name]: Infinity },
  })
  await server.stillServes('ann')
  const session = randomSession()
  expect(await rawSend(server.url, { session, auth: 'ann' }, 'M[1,"x"]')).toMatchObject({ code: 4503 })
})

it.each(['limits.authenticateTimeoutMs', 'limits.bodyTimeoutMs', 'heartbeatMs', 'resumeWindowMs', 'leaseMs'])(
  '%s: what no timer takes is refused, and named',
  async (name) => {
    const [first = '', second] = name.split('.')
    const more = second === undefined ? { [first]: 2 ** 31 } : { [first]: { [second]: 2 ** 31 } }
    await expect(AttackedServer.start('plain', { isAuthenticating: true, authenticateMs: 50, more })).rejects.toThrow(name)
  },
)
