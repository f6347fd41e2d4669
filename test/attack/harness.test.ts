import { expect, it } from 'vitest'
import { type Cost, grewLinearly } from '../support/attack-costs.ts'
import { AttackedServer } from '../support/attacked-server.ts'
import { postText, RawTcp, requestText, upgradeText, webSocketFrame } from '../support/raw-tcp.ts'

const session = 'sessionsessionsession1'

it("AttackedServer sees a client's socket and session, and that they are gone", async () => {
  await using server = await AttackedServer.start('plain', { resumeWindowMs: 1000 })
  await server.stillServes()
  const before = await server.account()
  using raw = await RawTcp.open(server.port)
  await raw.write(upgradeText({ session, turn: 1 }))
  await raw.write(webSocketFrame(1, 'm1:echo me'))
  const during = await server.until(({ handled }) => handled === 2, 'the message')
  expect(during).toMatchObject({ sockets: before.sockets + 1, sessions: before.sessions + 1, errors: [] })
  await expect(server.returnsTo(before, { limitMs: 200 })).rejects.toThrow('what was there before')
  raw.reset()
  await server.returnsTo(before)
})

it('RawTcp reads pipelined answers, and how a connection ends', async () => {
  await using server = await AttackedServer.start('app')
  using raw = await RawTcp.open(server.port)
  await raw.write(requestText('GET', '/') + postText({ session, wait: 0 }) + requestText('GET', '/', { Connection: 'close' }))
  const answers = await raw.answered(3)
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(answers[0]?.body).toContain('the application')
  expect(answers[1]?.body).toContain('data: o{')
  expect(await raw.over(5000)).toBe('fin')
  using other = await RawTcp.open(server.port)
  expect(await other.over(20)).toBeNull()
})

it('AttackedServer reports how its process ended', async () => {
  await using server = await AttackedServer.start()
  process.kill(server.pid, 'SIGTERM')
  expect(await server.ended()).toEqual({ code: null, signal: 'SIGTERM', stderr: '' })
  await expect(server.stillServes()).rejects.toThrow('SIGTERM')
})

it.each([
  ['linear', (size: number) => size, null],
  ['quadratic', (size: number) => (size * size) / 1000, 'faster than its size'],
  ['linear, but in one long block', (size: number) => 5 * size, 'stands still for too long'],
])('grewLinearly() recognizes a cost that is %s', async (_, msOf, told) => {
  const costs = async (size: number): Promise<Cost> => ({ cpuMs: msOf(size), standstillCpuMs: msOf(size) / 2 })
  const judged = grewLinearly(costs, { size: 200, ceilingMs: 500 })
  await (told === null ? judged : expect(judged).rejects.toThrow(told))
})
