/** Measures the time to the first message for several clients alternately. */
import { launchChromium } from './chromium.mjs'
import { startProxy } from './proxy.mjs'
import { startServers } from './servers.mjs'

/**
 * @typedef {object} Plan
 * @property {readonly string[]} kinds the clients, which alternate
 * @property {number} rounds
 * @property {Omit<import('./proxy.mjs').Faults, 'target'>} faults
 * @property {number} [limitMs] the time limit
 * @property {boolean} [isSameOrigin] the page is served by the server itself, so that it knows the round trip
 */

/**
 * Every measurement has a page and a proxy of its own, so that nothing is connected, cached or remembered before.
 * @param {Plan} plan
 * @returns {Promise<Map<string, number[]>>} milliseconds by client; no entry for a first message that never arrived
 */
export async function measureFirstMessages({ kinds, rounds, faults, limitMs = 10_000, isSameOrigin = false }) {
  const chromium = await launchChromium()
  const servers = await startServers()
  /** @type {Map<string, number[]>} */
  const results = new Map(kinds.map((kind) => [kind, []]))
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of kinds) {
        const proxy = await startProxy({ ...faults, target: servers.portFor(kind) })
        const page = await chromium.newPage()
        await page.goto(`${isSameOrigin ? proxy.origin : servers.feed.origin}/page?client=${encodeURIComponent(kind)}`)
        const first = await page.evaluate((...args) => window.bench.firstMessage(...args), kind, proxy.origin, limitMs)
        if (first !== null) results.get(kind)?.push(first.ms)
        await page.close()
        await proxy.close()
      }
    }
  } finally {
    await chromium.close()
    await servers.close()
  }
  return results
}
