import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { startChaos } from '../support/chaos.ts'
import { startChaosInPage, storyOf } from '../support/chaos-page.ts'
import { type Lanes, ServerSide, seconds, store, tell, wholeReports } from '../support/chaos-run.ts'
import type { Engine, EngineName } from '../support/engines.ts'
import { fastServerHost } from '../support/fast-clock.ts'
import { closeInPage, SCRIPT } from '../support/page-client.ts'
import { seeded, seedOf } from '../support/seeded.ts'
import { sessionTransports, startRig, type TransportName, transportOf } from '../support/session-rig.ts'
import { useEngine } from '../support/use-engine.ts'

/** Real browsers, real servers, real sockets: numbered messages arrive once and in order, whatever is done to the network. */
const firstSeed = seedOf(process.env)
/** How many messages go each way, and over how long: more of it finds more. */
const most: Volume = {
  count: Number(process.env['CHAOS_MESSAGES'] ?? 5_000),
  spreadMs: Number(process.env['CHAOS_MS'] ?? 20_000),
}
/** Fewer messages for the other engines, whose differences show soon. */
const less: Volume = { count: Math.ceil(most.count / 5), spreadMs: most.spreadMs / 2 }
/** Silence may last two minutes if many bytes are in flight (rule 7). */
const patienceMs = 150_000

interface Volume {
  readonly count: number
  readonly spreadMs: number
}

const names = sessionTransports.map(({ type }) => type)
type Run = readonly [name: string, speed: number, seed: number, on: readonly TransportName[]]
const alone = names.map((name, index): Run => [`${name} alone`, 1, firstSeed + index, [name]])
// A better transport is tried again after 30 s: the clocks of both halves run faster, so that this happens often.
const mixed: Run = ['all transports, forbidden and allowed again', 6, firstSeed + names.length, names]

const parts: readonly (readonly [EngineName, Volume])[] = [
  ['chromium', most],
  ['firefox', less],
  ['webkit', less],
]

describe.each(parts)('in %s', (engineName, { count, spreadMs }) => {
  let engine: Engine
  useEngine(engineName, (started) => {
    engine = started
  })

  // The runs wait for the network more than they compute.
  it.concurrent.each<Run>([...alone, mixed])(
    `[SP1][SP2][SP5] ${count} messages each way arrive once and in order: %s (clocks ×%d, seed %d)`,
    { timeout: 2 * spreadMs + patienceMs + 60_000 },
    async (name, speed, seed, on) => {
      const random = seeded(seed)
      const lanes: Lanes = { seed, count, spreadMs }
      const side = new ServerSide(lanes, random)
      const errors: unknown[] = []
      await using rig = await startRig({
        page: { script: SCRIPT },
        store,
        options: {
          ...side.handlers,
          host: fastServerHost(speed, (error) => errors.push(error)),
          heartbeatMs: 2000 * speed,
        },
      })
      await using page = await engine.open(rig.proxy.url)
      await startChaosInPage(page, '/realtime', lanes, {
        speed,
        transports: on.map(transportOf),
        connectTimeoutMs: 5000 * speed,
        retry: { minDelayMs: 50 * speed, maxDelayMs: 500 * speed },
      })
      const controller = new AbortController()
      let story = await storyOf(page)
      // A session that nobody has confirmed is forgotten after 15 s (rule 8).
      while (story.progress.flushed === 0) {
        await sleep(20)
        story = await storyOf(page)
      }
      const server = rig.servers.server()
      const sending = side
        .send(
          () => server,
          () => story.progress,
          controller.signal,
        )
        .catch((error: unknown) => errors.push(error))
      const { length: sessions } = side.sessions
      const chaos = startChaos(rig.proxy, { random, transports: on })
      const startedAt = performance.now()
      const elapsedMs = () => performance.now() - startedAt
      const reports = () => [side.up.report(count), ...story.reports]
      const isWhole = () => story.isSent && reports().every(({ lost }) => lost === 0)
      // A fault that was found is final.
      const isWrong = () => reports().some(({ faults }) => faults.length > 0)
      while (!isWrong() && (elapsedMs() < spreadMs || (!isWhole() && elapsedMs() < spreadMs + patienceMs))) {
        await sleep(100)
        story = await storyOf(page)
        if (elapsedMs() > spreadMs) await chaos.stop()
      }
      const wholeMs = elapsedMs()
      await chaos.stop()
      controller.abort()
      await sending
      const details = () =>
        `SEED=${firstSeed}\n${chaos.deeds.join('\n')}\n${JSON.stringify({ ...story, reports: [] }).slice(0, 3000)}`
      expect(reports(), isWhole() ? `SEED=${firstSeed}` : details()).toEqual(wholeReports(lanes))
      expect([story.wrongs, errors, side.sessions.length, side.ends]).toEqual([[], [], sessions, []])
      expect(story.resumed.slice(1)).not.toContain(false)
      // Without faults the run proves nothing.
      expect(chaos.deeds.length).toBeGreaterThan(spreadMs / 5000)
      // A poll that is cut is repeated, without a loss of the connection.
      const isHeld = on.includes('websocket') || on.includes('sse')
      if (isHeld) expect(story.opened.length + story.moves.length).toBeGreaterThan(spreadMs / 5000)
      expect(Object.keys(story.brought).sort(), details()).toEqual([...on].sort())
      tell([
        `${engineName}, ${name}: ${count} up, ${JSON.stringify(story.brought)} down, ${chaos.deeds.length} evils in ${seconds(spreadMs)}`,
        `${story.opened.length} connections, ${story.moves.length} moves, whole after ${seconds(wholeMs)} (SEED=${firstSeed})`,
      ])
      await closeInPage(page)
    },
  )
})
