import { expect, it } from 'vitest'
import { benchOf } from '../support/client-bench.ts'
import { type Behaviour, closed } from '../support/fake-transport.ts'

const clients = 200
const calmMs = 10_000
const awayMs = 10_000

/**
 * One client with default options, whose server is down for `awayMs` after `calmMs`: the times of its requests, and of its
 * reconnect, in milliseconds from the loss.
 */
async function outageOf(seed: number) {
  const requests: number[] = []
  let backAt = Infinity
  const server =
    (type: string): Behaviour =>
    (dial) => {
      const now = dial.call.host.now()
      const isAway = () => dial.call.host.now() >= calmMs && dial.call.host.now() < calmMs + awayMs
      if (now > calmMs) requests.push(now - calmMs)
      const refusal = type === 'websocket' ? closed(1006) : ({ kind: 'broken', detail: 'TypeError' } as const)
      if (isAway()) return dial.later(20, () => dial.fail(refusal))
      dial.later(40, () => {
        dial.open()
        dial.receive('welcome')
        if (dial.call.host.now() > calmMs) backAt = dial.call.host.now() - calmMs
        else dial.later(calmMs - dial.call.host.now(), () => dial.fail(refusal))
      })
    }
  const types = ['websocket', 'sse', 'long-poll', 'poll']
  const servers = Object.fromEntries(types.map((type) => [type, server(type)]))
  const bench = benchOf(servers, { probe: true }, { random: 'seeded', seed })
  bench.questions.reply = (question) => {
    requests.push(bench.clock.now() - calmMs)
    question.fail()
  }
  await bench.pass(calmMs + awayMs + 10_000)
  await bench.client.close()
  return { requests, backAt }
}

it('200 clients that lose their server make few requests, spread over time, and soon reconnect', async () => {
  const outages: Awaited<ReturnType<typeof outageOf>>[] = []
  for (let seed = 1; seed <= clients; seed += 1) outages.push(await outageOf(seed))
  const all = outages.flatMap(({ requests }) => requests)
  const buckets = Array.from({ length: 300 }, (_, index) => all.filter((at) => Math.floor(at / 100) === index).length)
  const backAt = outages.map((outage) => outage.backAt - awayMs).sort((a, b) => a - b)
  expect(all.length / clients).toBeLessThanOrEqual(6)
  // A thousand clients make 118 and 45; fewer clients are spread less evenly.
  expect(Math.max(...buckets)).toBeLessThanOrEqual(36)
  expect(Math.max(...buckets.slice(awayMs / 100))).toBeLessThanOrEqual(20)
  expect(backAt[Math.floor(clients * 0.99) - 1]).toBeLessThanOrEqual(4900)
}, 60_000)
