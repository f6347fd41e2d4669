import { expect, it } from 'vitest'
import { type Cost, grewLinearly } from '../support/attack-costs.ts'
import { AttackedServer } from '../support/attacked-server.ts'
import { postText, RawTcp, requestText, upgradeText, webSocketFrame } from '../support/raw-tcp.ts'

const session = 'sessionsessionsession1'

it('sees what a client has there, and that it is gone', async () => {
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

it('reads answers that come one behind the other, and how a connection ends', async () => {
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

it('tells how the process ended', async () => {
  await using server = await AttackedServer.start()
  process.kill(server.pid, 'SIGTERM')
  expect(await server.ended()).toEqual({ code: null, signal: 'SIGTERM', stderr: '' })
  await expect(server.stillServes()).rejects.toThrow('SIGTERM')
})

it.each([
  ['linear', (size: number) => size, null],
  ['quadratic', (size: number) => (size * size) / 1000, 'faster than its size'],
  ['linear, and at one time', (size: number) => 5 * size, 'stands still for too long'],
])('what is %s is judged so', async (_, msOf, told) => {
  const costs = async (size: number): Promise<Cost> => ({ cpuMs: msOf(size), standstillCpuMs: msOf(size) / 2 })
  const judged = grewLinearly(costs, { size: 200, ceilingMs: 500 })
  await (told === null ? judged : expect(judged).rejects.toThrow(told))
})
