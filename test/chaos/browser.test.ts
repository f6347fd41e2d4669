import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { startChaos } from '../support/chaos.ts'
import { startChaosInPage, storyOf } from '../support/chaos-page.ts'
import { type Lanes, ServerSide, wholeReports } from '../support/chaos-run.ts'
import { launchChromium } from '../support/chromium.ts'
import { fastServerHost } from '../support/fast-clock.ts'
import { closeInPage, SCRIPT } from '../support/page-client.ts'
import { seeded, seedOf } from '../support/seeded.ts'
import { startRig, type WayName, wayOf, ways } from '../support/session-rig.ts'

/** Real browsers, real servers, real sockets: what is numbered arrives once and in order, whatever is done to the network. */
const firstSeed = seedOf(process.env)
/** How many messages go each way, and over how long: more of it finds more. */
const count = Number(process.env['CHAOS_MESSAGES'] ?? 10_000)
const spreadMs = Number(process.env['CHAOS_MS'] ?? 30_000)
const patienceMs = 60_000

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
}, 180_000)
afterAll(() => browser?.close())

const names = ways.map(({ type }) => type)
const runs: readonly (readonly [name: string, speed: number, seed: number, on: readonly WayName[]])[] = [
  ...names.map((name, index) => [`${name} alone`, 1, firstSeed + index, [name]] as const),
  // Half a minute passes until a better way is tried again: the clocks of both halves go faster, so that it is tried often.
  ['all ways, forbidden and allowed again', 6, firstSeed + names.length, names],
]

// They wait for the network more than they work.
describe.concurrent(`${count} messages each way`, () => {
  it.each(runs)(
    '[SP1][SP2][SP5] arrive once and in order: %s (clocks ×%d, seed %d)',
    { timeout: 2 * spreadMs + 2 * patienceMs },
    async (_name, speed, seed, on) => {
      const random = seeded(seed)
      const lanes: Lanes = { seed, count, spreadMs }
      const side = new ServerSide(lanes, random)
      const errors: unknown[] = []
      await using rig = await startRig({
        page: { script: SCRIPT },
        options: {
          ...side.handlers,
          host: fastServerHost(speed, (error) => errors.push(error)),
          heartbeatMs: 2000 * speed,
        },
      })
      await using opened = await openPage(browser, { origin: rig.proxy.url })
      const { page } = opened
      await startChaosInPage(page, '/realtime', lanes, {
        speed,
        protocol: 'session',
        transports: on.map(wayOf),
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
      const chaos = startChaos(rig.proxy, { random, ways: on })
      const startedAt = performance.now()
      const elapsedMs = () => performance.now() - startedAt
      let isChaos = true
      const isWhole = () => story.isSent && [side.up.report(count), ...story.reports].every(({ lost }) => lost === 0)
      while (elapsedMs() < spreadMs || (!isWhole() && elapsedMs() < spreadMs + patienceMs)) {
        await sleep(100)
        story = await storyOf(page)
        if (isChaos && elapsedMs() > spreadMs) {
          isChaos = false
          await chaos.stop()
        }
      }
      controller.abort()
      await sending
      const details = () =>
        `SEED=${firstSeed}\n${chaos.deeds.join('\n')}\n${JSON.stringify({ ...story, reports: [] }).slice(0, 3000)}`
      expect([side.up.report(count), ...story.reports], isWhole() ? `SEED=${firstSeed}` : details()).toEqual(wholeReports(lanes))
      expect([story.wrongs, errors, side.sessions.length, side.ends, opened.errors]).toEqual([[], [], sessions, [], []])
      expect(story.resumed.slice(1)).not.toContain(false)
      // Without harm there is nothing to prove.
      expect(story.opened.length + story.moves.length).toBeGreaterThan(spreadMs / 3000)
      if (on.length > 1) expect(story.moves.length, details()).toBeGreaterThan(0)
      await closeInPage(page)
    },
  )
})
