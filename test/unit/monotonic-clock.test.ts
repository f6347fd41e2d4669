import { expect, it } from 'vitest'
import { monotonic } from '../../src/host/monotonic-clock.ts'
import { RealtimeClient } from '../../src/index.ts'
import { FakeTransport, opens } from '../support/fake-transport.ts'
import { manualPage } from '../support/manual-host.ts'

it('the monotonic clock never goes back, and converts its times to the wall clock', () => {
  let wall = 3_600_000
  const clock = monotonic(() => wall)
  expect(clock.now()).toBe(3_600_000)
  wall = 0
  expect([clock.now(), clock.wallTime(clock.now() + 500)]).toEqual([3_600_000, 500])
  wall = 1000
  expect([clock.now(), clock.wallTime(clock.now())]).toEqual([3_601_000, 1000])
  wall = 10_000_000
  expect([clock.now(), clock.wallTime(clock.now())]).toEqual([13_600_000, 10_000_000])
})

it('a client whose clock is set back shows the times of its state and its report by the new clock', async () => {
  const page = manualPage({ now: 10_000_000 })
  let backMs = 0
  const transport = new FakeTransport('websocket', opens())
  const client = new RealtimeClient('https://api.example/realtime', {
    transports: [transport],
    probe: false,
    host: { ...page.host, now: () => page.clock.now() - backMs },
  })
  await page.pass(6000)
  backMs = 3_600_000
  const today = () => page.clock.now() - backMs
  const retries: (number | undefined)[] = []
  client.addEventListener('error', ({ retry }) => void retries.push(retry?.at))
  transport.dials.at(-1)?.fail({ kind: 'closed', code: 1006, reason: '', wasClean: false })
  const { state } = client
  expect(state.status === 'waiting' && state.retry?.at).toBe(retries[0])
  expect(Math.abs((retries[0] ?? 0) - today())).toBeLessThanOrEqual(1000)
  await page.pass(2000)
  expect(client.state).toMatchObject({ status: 'open' })
  expect(client.state.status === 'open' && today() - client.state.since).toBeLessThanOrEqual(2000)
  const { at, attempts } = client.report()
  expect(Math.abs(Date.parse(at) - today())).toBeLessThanOrEqual(1)
  expect(Math.abs(Date.parse(attempts.at(-1)?.openedAt ?? '') - today())).toBeLessThanOrEqual(2000)
  await client.close()
})
