// Small messages that once kept what had arrived beside them in memory, uncounted.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { AttackedServer } from '../support/attacked-server.ts'
import { randomSession } from '../support/raw-client.ts'
import { opcodes, postText, RawTcp, upgradeText, webSocketFrame } from '../support/raw-tcp.ts'
import { grown } from './meters.ts'

const limits = { attachmentsPerSecond: 100_000 }
const mib = 1_048_576
/** The messages behind it wait for the handler of the first. */
const slow = { limits, handleMs: 60_000 }

async function growthBy(act: (server: AttackedServer) => Promise<void>): Promise<number> {
  await using server = await AttackedServer.start('plain', slow)
  const before = await server.account()
  await act(server)
  await server.rests()
  const growth = grown(await server.account(), before)
  await server.stillServes()
  return growth
}

/** The growth by POSTs of one session; `linesOf` returns the lines of each, from 1 on. */
function growthByPosts(count: number, linesOf: (post: number) => readonly string[], auth?: string): Promise<number> {
  return growthBy(async (server) => {
    const session = randomSession()
    using raw = await RawTcp.open(server.port)
    await raw.write(postText({ session, turn: 1, wait: 0 }))
    await raw.answered(1)
    for (let post = 1; post <= count; post += 1) {
      await raw.write(postText({ session, send: true, ...(auth && { auth }) }, linesOf(post)))
      await raw.answered(post + 1)
    }
  })
}

it('short text lines of long bodies do not keep the bodies', async () => {
  const junk = Array.from({ length: 62 }, () => `z${'y'.repeat(65_000)}`)
  expect(await growthByPosts(20, (n) => [`m${n}:message ${n} of few bytes`, ...junk])).toBeLessThan(20 * mib)
})

it('short lines of bytes do not keep what was decoded beside them', async () => {
  let n = 1
  const repeated = `b1:${'A'.repeat(5400)}`
  const lines = () => Array.from({ length: 380 }, () => [`b${n++}:AA==`, repeated, repeated]).flat()
  expect(await growthByPosts(20, lines)).toBeLessThan(20 * mib)
})

it('a waiting message does not keep the hello of its POST', async () => {
  expect(await growthByPosts(600, (n) => [`m${n}:.`], 'x'.repeat(60_000))).toBeLessThan(15 * mib)
})

it('short binary frames do not keep what arrived beside them', async () => {
  const unknown = webSocketFrame(opcodes.text, 'z'.repeat(60_000))
  const growth = await growthBy(async (server) => {
    using raw = await RawTcp.open(server.port)
    await raw.write(upgradeText({ session: randomSession(), turn: 1 }))
    await raw.answered(1)
    for (let n = 1; n <= 1000; n += 1) {
      await raw.write(webSocketFrame(opcodes.binary, Buffer.from(`${n}\n.`)))
      await raw.write(unknown)
    }
  })
  expect(growth).toBeLessThan(20 * mib)
})

it('parsed parameters of queued calls count as what they take', async () => {
  const params = `[${Array.from({ length: 21_000 }, () => '{}').join(',')}]`
  await using server = await AttackedServer.start('plain', slow)
  const before = await server.account()
  using raw = await RawTcp.open(server.port)
  await raw.write(upgradeText({ session: randomSession(), turn: 1 }))
  await raw.answered(1)
  await raw.write(webSocketFrame(opcodes.text, 'm1:slow'))
  for (let n = 2; n <= 300; n += 1)
    await Promise.race([
      raw.write(webSocketFrame(opcodes.text, `C${n}:{"type":"subscribe","topic":"t","params":${params}}`)),
      sleep(1000),
    ])
  await raw.saw((received) => received.includes('too much is not handled yet'))
  expect(grown(await server.account(), before)).toBeLessThan(100 * mib)
  await server.stillServes()
})

it('hellos in fragments of one byte are refused', async () => {
  const fragment = webSocketFrame(opcodes.continuation, ' ', { isFinal: false })
  const flood = Buffer.concat([
    webSocketFrame(opcodes.text, '{', { isFinal: false }),
    ...Array.from({ length: 9000 }, () => fragment),
  ])
  await using server = await AttackedServer.start('plain', { limits, isAuthenticating: true })
  const before = await server.account()
  const raws = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const raw = await RawTcp.open(server.port)
      await raw.write(upgradeText(null, { 'Sec-WebSocket-Protocol': 'steadfast.v1' }))
      await raw.answered(1)
      await Promise.race([raw.write(flood), sleep(2000)])
      return raw
    }),
  )
  try {
    await server.rests()
    expect(grown(await server.account(), before)).toBeLessThan(30 * mib)
    await server.stillServes('bob')
  } finally {
    for (const raw of raws) raw.reset()
  }
})
