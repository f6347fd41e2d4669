// What pinned memory beyond a bound that anybody has stated.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { costOf } from '../support/attack-costs.ts'
import { AttackedServer } from '../support/attacked-server.ts'
import { RawStream, randomSession } from '../support/raw-client.ts'
import { opcodes, postText, RawTcp, requestText, upgradeText, webSocketFrame } from '../support/raw-tcp.ts'
import type { Account } from './meters.ts'

const limits = { attachmentsPerSecond: 100_000 }
const mib = 1_048_576

/** What is there more than before, in bytes, without garbage. */
function grown(after: Account, before: Account): number {
  return after.heap + after.external - before.heap - before.external
}

it('polls that are pipelined, and whose answers nobody takes', async () => {
  await using server = await AttackedServer.start('plain', { limits })
  const session = randomSession()
  const first = new RawStream(server.url, { session, wait: 0, turn: 1 })
  await first.opened()
  await server.order({ type: 'send', session, text: 'x'.repeat(1_000_000), count: 7 })
  const before = await server.account()
  using raw = await RawTcp.open(server.port)
  raw.pause()
  const { standstillCpuMs } = await costOf(server, async () => {
    await raw.write(Array.from({ length: 400 }, (_, k) => postText({ session, wait: 0, k: k + 2 })).join(''))
    await sleep(500)
  })
  expect(grown(await server.account(), before)).toBeLessThan(150 * mib)
  expect(standstillCpuMs).toBeLessThan(2000)
  raw.reset()
  await server.stillServes()
})

it('a body in chunks of one byte, of somebody who is not known', async () => {
  await using server = await AttackedServer.start('plain', { limits, authenticateMs: 0 })
  const before = await server.account()
  using raw = await RawTcp.open(server.port)
  await raw.write(requestText('POST', '/realtime', { 'Transfer-Encoding': 'chunked' }))
  const chunks = '1\r\nx\r\n'.repeat(20_000)
  for (let count = 0; count < 90 && !raw.end; count += 1) await raw.write(chunks)
  await server.rests()
  expect(grown(await server.account(), before)).toBeLessThan(40 * mib)
  await server.stillServes('ann')
})

it('bodies without an end, of many who are not known', async () => {
  await using server = await AttackedServer.start('plain', { limits, authenticateMs: 0 })
  const before = await server.account()
  const half = Buffer.alloc(2 * mib, 'x')
  const raws = await Promise.all(
    Array.from({ length: 150 }, async () => {
      const raw = await RawTcp.open(server.port)
      await raw.write(postText('{', [], { 'Content-Length': String(4 * mib - 1) }))
      await Promise.race([raw.write(half), sleep(3000)])
      return raw
    }),
  )
  try {
    await server.rests()
    expect(grown(await server.account(), before)).toBeLessThan(120 * mib)
    await server.stillServes('ann')
  } finally {
    for (const raw of raws) raw.reset()
  }
  await server.returnsTo(before)
})

it('what many sessions of one principal sent to slow handlers', async () => {
  await using server = await AttackedServer.start('plain', { limits, authenticateMs: 0, handleMs: 60_000 })
  const before = await server.account()
  const frames = Array.from({ length: 30 }, (_, index) =>
    webSocketFrame(opcodes.text, Buffer.concat([Buffer.from(`m${index + 1}:`), Buffer.alloc(900_000, 'x')])),
  )
  const raws = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const raw = await RawTcp.open(server.port)
      await raw.write(upgradeText({ session: randomSession(), turn: 1, auth: 'ann' }))
      await raw.answered(1)
      for (const frame of frames) await Promise.race([raw.write(frame), sleep(5000)])
      return raw
    }),
  )
  try {
    await server.rests()
    expect(grown(await server.account(), before)).toBeLessThan(250 * mib)
    // Somebody else finds room.
    await server.stillServes('bob')
  } finally {
    for (const raw of raws) raw.reset()
  }
})

it('a frame that is refused has not been handled', async () => {
  await using server = await AttackedServer.start('plain', { limits })
  using raw = await RawTcp.open(server.port)
  await raw.write(upgradeText({ session: randomSession(), turn: 1 }))
  await raw.answered(1)
  await raw.write(webSocketFrame(opcodes.text, `M[1${',""'.repeat(1_300_000)}]`))
  await raw.saw((received) => received.includes('too many') || received.includes('too much') || received.includes('too large'))
  await server.rests()
  expect((await server.account()).handled).toBe(0)
  await server.stillServes()
})

it('what one principal does not read pushes out nothing of another', async () => {
  await using server = await AttackedServer.start('plain', { limits, authenticateMs: 0 })
  const victim = randomSession()
  const first = new RawStream(server.url, { session: victim, turn: 1, auth: 'bob' })
  const { epoch } = (await first.opened()).open
  first.hangUp()
  await server.order({ type: 'send', session: victim, text: 'for bob', count: 3 })
  for (let index = 0; index < 22; index += 1) {
    const session = randomSession()
    const own = new RawStream(server.url, { session, turn: 1, wait: 0, auth: 'ann' })
    await own.opened()
    await server.order({ type: 'send', session, text: 'x'.repeat(1_000_000), count: 7 })
  }
  const again = new RawStream(server.url, { session: victim, k: 2, turn: 2, wait: 0, auth: 'bob', cursor: `0.0~${epoch}` })
  await again.opened()
  expect(again.news).toEqual(['0.1:for bob', '0.2:for bob', '0.3:for bob'])
})
