// Attacks that once held memory beyond every documented bound.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { AttackedServer } from '../support/attacked-server.ts'
import { RawStream, randomSession } from '../support/raw-client.ts'
import { opcodes, RawTcp, upgradeText, webSocketFrame } from '../support/raw-tcp.ts'
import { grown } from './meters.ts'

const limits = { attachmentsPerSecond: 100_000 }
const mib = 1_048_576

it('messages of many sessions of one principal to slow handlers use bounded memory', async () => {
  await using server = await AttackedServer.start('plain', { limits, isAuthenticating: true, handleMs: 60_000 })
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
    // Another principal is still served.
    await server.stillServes('bob')
  } finally {
    for (const raw of raws) raw.reset()
  }
})

it('no message of a refused frame is handled', async () => {
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

it('unread messages of one principal do not displace those of another', async () => {
  await using server = await AttackedServer.start('plain', { limits, isAuthenticating: true })
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

/** All but the end of a frame of 8 MB. */
const incomplete = webSocketFrame(opcodes.text, Buffer.alloc(8_000_000, 'x'), { claimedLength: 8_000_001 })

it('refused clients that send a frame without an end are disconnected', async () => {
  await using server = await AttackedServer.start('plain', { limits, isAuthenticating: true })
  const before = await server.account()
  const raws = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const raw = await RawTcp.open(server.port)
      await raw.write(upgradeText({ session: randomSession(), turn: 1, auth: '' }))
      await Promise.race([raw.write(incomplete), sleep(2000)])
      return raw
    }),
  )
  try {
    expect(grown(await server.account(), before)).toBeLessThan(30 * mib)
    await server.stillServes('bob')
  } finally {
    for (const raw of raws) raw.reset()
  }
})

it('frames without an end take no more memory than the bodies of one client may', async () => {
  await using server = await AttackedServer.start('plain', {
    limits,
    isAuthenticating: true,
    resumeWindowMs: 1000,
    heartbeatMs: 1000,
    leaseMs: 1000,
  })
  const before = await server.account()
  const raws = await Promise.all(
    Array.from({ length: 24 }, async () => {
      const raw = await RawTcp.open(server.port)
      await raw.write(upgradeText({ session: randomSession(), turn: 1, auth: 'ann' }))
      await raw.answered(1)
      await Promise.race([raw.write(incomplete), sleep(2000)])
      return raw
    }),
  )
  try {
    expect(grown(await server.account(), before)).toBeLessThan(40 * mib)
    await server.stillServes('bob')
  } finally {
    for (const raw of raws) raw.reset()
  }
  await server.returnsTo(before, { mayGrowBytes: 20_000_000 })
})
