// Raw TCP to a server: HTTP and WebSocket framing, pipelined, cut after any byte, and ended in every way.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { AttackedServer } from '../support/attacked-server.ts'
import { Fuzz, type FuzzCase } from '../support/fuzz-bytes.ts'
import { RawTcp } from '../support/raw-tcp.ts'
import { seedOf } from '../support/seeded.ts'

const seed = seedOf(process.env)
const runs = Number(process.env['FUZZ_RUNS'] ?? 10_000)
const atOnce = 24
/** The most connections that are left open; the oldest is reset when there is one more. */
const maxLeft = 100
const checkEvery = 2500
/** Reports of refused requests, which are expected. */
const told = /^Error: RealtimeServer: (forwarding headers|(the origin .*|a request) was refused)/

it(`${runs} fuzzed connections leave the server as it was (SEED=${seed})`, { timeout: 120_000 + 20 * runs }, async () => {
  await using server = await AttackedServer.start('app', {
    topic: 'news',
    resumeWindowMs: 1000,
    heartbeatMs: 1000,
    leaseMs: 1000,
    // A request that is refused before it is parsed finds no bug.
    limits: { attachmentsPerSecond: 1_000_000 },
  })
  await server.stillServes()
  await server.until(({ sessions }) => sessions === 0, 'no session')
  const before = await server.account()
  const fuzz = new Fuzz(seed)
  const left: RawTcp[] = []
  for (let next = 0; next < runs; next += checkEvery) {
    const until = Math.min(runs, next + checkEvery)
    let index = next
    const worker = async () => {
      while (index < until && !server.exit) {
        index += 1
        await attack(server.port, fuzz.at(index - 1), left)
        while (left.length > maxLeft) left.shift()?.reset()
      }
    }
    await Promise.all([
      ...Array.from({ length: atOnce }, worker),
      server.order({ type: 'publish', topic: 'news', text: 'x', count: 20 }),
    ])
    expect(server.exit, `SEED=${seed}: connection ${next} to ${until}`).toBeNull()
    await server.stillServes()
  }
  for (const raw of left) raw.reset()
  // A session that nobody has confirmed is forgotten after 15 s.
  const after = await server.returnsTo(before, { limitMs: 60_000, mayGrowBytes: 20_000_000 })
  await server.stillServes()
  expect(
    after.errors.filter((error) => !told.test(error)),
    `SEED=${seed}`,
  ).toEqual([])
  expect(after.handled, 'messages that were let through').toBeGreaterThan(runs / 200)
})

async function attack(port: number, { segments, ending, isPatient }: FuzzCase, left: RawTcp[]): Promise<void> {
  const raw = await RawTcp.open(port).catch(() => null)
  if (!raw) return
  for (const [index, segment] of segments.entries()) {
    if (index > 0) await sleep(0)
    await raw.write(segment)
  }
  if (isPatient) await raw.saw(({ length }) => length > 0, 20)
  if (ending === 'half-open') left.push(raw)
  else if (ending === 'reset') raw.reset()
  else if (ending === 'destroy') raw.socket.destroy()
  else {
    raw.finish()
    left.push(raw)
  }
}
