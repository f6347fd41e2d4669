import { expect, it } from 'vitest'
import { AttackedServer } from '../support/attacked-server.ts'
import { randomSession, rawSend } from '../support/raw-client.ts'
import { postText, RawTcp, requestText, upgradeText } from '../support/raw-tcp.ts'

const limits = { attachmentsPerSecond: 100_000 }
/** A connection must be closed this long after its answer was written, in milliseconds, with a margin. */
const goneWithinMs = 14_000

const answered: Readonly<Record<string, () => string>> = {
  'an upgrade without our subprotocol': () => upgradeText(null),
  'an upgrade of another path': () => upgradeText(null, {}, '/other'),
  'a handshake without a key': () => upgradeText({ session: randomSession() }, { 'Sec-WebSocket-Key': '' }),
  'text that is not HTTP': () => 'no HTTP at all\r\n\r\n',
  'headers that are too large': () => requestText('GET', '/realtime', { a: 'x'.repeat(20_000) }),
  'a body that is refused before it has come': () => postText('{}', [], { Origin: 'null', 'Content-Length': '100000' }),
  'an invalid hello over a WebSocket': () => upgradeText('{}'),
}

it('half-open connections are closed within 14 s of their answer', async () => {
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

it('an event stream that nobody reads loses its connection within 30 s', async () => {
  await using server = await AttackedServer.start('plain', { limits, heartbeatMs: 250, resumeWindowMs: 1000 })
  const before = await server.account()
  const session = randomSession()
  using raw = await RawTcp.open(server.port, { isHalfOpen: true })
  await raw.write(postText({ session, turn: 1 }))
  await raw.answered(1)
  raw.pause()
  await server.order({ type: 'send', session, text: 'x'.repeat(5000), count: 20 })
  // Silence may last longer by the time of the bytes in flight on a slow link, 10 s here; then 5 s are left to read the end.
  const limitMs = 30_000
  await server.until(({ sockets }) => sockets <= before.sockets, 'the socket', limitMs)
})

it('4,000 sessions to which no client returns expire in time', async () => {
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
  // A session lasts for a resume window, and for a third of it that a node may be late in renewing an attached one.
  await server.until((account) => account.sessions === 0, 'no session', 20_000)
})

it.each(['authenticateTimeoutMs', 'bodyTimeoutMs'])('limits.%s: clients are served with Infinity', async (name) => {
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
  '%s: a value that no timer accepts is refused, and named in the error',
  async (name) => {
    const [first = '', second] = name.split('.')
    const more = second === undefined ? { [first]: 2 ** 31 } : { [first]: { [second]: 2 ** 31 } }
    await expect(AttackedServer.start('plain', { isAuthenticating: true, authenticateMs: 50, more })).rejects.toThrow(name)
  },
)
