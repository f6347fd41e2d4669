import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './fault.ts'
import type { FaultProxy } from './fault-proxy.ts'
import type { TransportName } from './session-rig.ts'

export interface ChaosOptions {
  readonly random: () => number
  /** The transports of the clients. Of several, each is for a while the only one allowed, and some are blocked at times. */
  readonly transports: readonly TransportName[]
  /** The longest pause between two faults, in milliseconds. @defaultValue 800 */
  readonly calmMs?: number
}

export interface Chaos {
  /** The faults so far with their times, oldest first. */
  readonly deeds: readonly string[]
  /** Stops the faults, and restores the network. */
  stop(): Promise<void>
}

/** Kills, stalls and blocks connections through the proxy at random, until it is stopped. */
export function startChaos(proxy: FaultProxy, { random, transports, calmMs = 800 }: ChaosOptions): Chaos {
  const startedAt = performance.now()
  const deeds: string[] = []
  const controller = new AbortController()
  const between = (least: number, most: number) => Math.round(least + random() * (most - least))
  const pause = (ms: number) => sleep(ms, undefined, { signal: controller.signal }).catch(() => {})

  /** Applies faults for a while; with `strikes` also to open connections. */
  const during = async (ms: number, strikes: boolean, ...faults: readonly Fault[]) => {
    await proxy.set(...faults)
    if (strikes) proxy.killAll()
    await pause(ms)
    await proxy.set({ type: 'pass' })
  }
  type Evil = readonly [weight: number, name: string, act: () => unknown]
  const all: readonly Evil[] = [
    [8, 'kill', () => proxy.killAll()],
    [4, 'kill again and again', () => killOften()],
    [4, 'stall', () => during(between(100, 1000), false, { type: 'delay', ms: between(100, 1500) })],
    [2, 'half-open', () => during(0, false, { type: 'half-open' })],
    [3, 'refuse', () => during(between(50, 500), true, { type: 'refuse' })],
    [3, 'reset', () => during(between(50, 500), true, { type: 'reset' })],
    [2, 'hang', () => during(between(50, 300), true, { type: 'hang' })],
    [2, 'swallow', () => during(between(50, 300), true, { type: 'swallow-frames' })],
    [2, 'kill when open', () => during(between(300, 1500), true, { type: 'kill-after-open', ms: between(0, 100) })],
    [transports.length > 1 ? 12 : 0, 'forbid', () => forbid()],
  ]
  const evils = all.flatMap((evil) => Array.from({ length: evil[0] }, () => evil))

  const raging = rage()
  return {
    deeds,
    async stop() {
      controller.abort()
      await raging
      await proxy.set({ type: 'pass' })
    },
  }

  async function rage(): Promise<void> {
    if (transports.length > 1) for (const transport of transports) await allowOnly(transport)
    while (!controller.signal.aborted) {
      const [, name, act] = evils[Math.floor(random() * evils.length)] as Evil
      note(name)
      await act()
      await pause(between(50, calmMs))
    }
  }

  function note(deed: string): void {
    deeds.push(`${Math.round(performance.now() - startedAt)} ${deed}`)
  }

  async function killOften(): Promise<void> {
    for (let kills = between(2, 10); kills > 0; kills -= 1) {
      proxy.killAll()
      await pause(between(1, 80))
    }
  }

  /** Allows one transport only, for long enough that every client finds it. */
  async function allowOnly(kept: TransportName): Promise<void> {
    const forbidden = transports.filter((transport) => transport !== kept)
    note(`without ${forbidden}`)
    await during(between(1500, 2500), true, ...forbidden.map((transport) => faultOn(transport, 0)))
    await pause(between(50, calmMs))
  }

  /** Blocks some of the transports, never all. */
  async function forbid(): Promise<void> {
    const kept = transports[Math.floor(random() * transports.length)]
    const forbidden = transports.filter((transport) => transport !== kept && random() < 0.7)
    note(`  without ${forbidden}`)
    await during(between(500, 4000), random() < 0.7, ...forbidden.map((transport) => faultOn(transport, random())))
  }

  /** One of the ways to block a transport; a client notices the first of them at once. */
  function faultOn(transport: TransportName, chance: number): Fault {
    const at = `transport=${transport}`
    const manners: readonly Fault[] =
      transport === 'websocket'
        ? [
            { type: 'refuse-upgrade', status: 403 },
            { type: 'swallow-upgrade' },
            { type: 'swallow-frames', only: 'websocket' },
            { type: 'kill-after-open', ms: between(0, 200), only: 'websocket' },
          ]
        : transport === 'sse'
          ? [
              { type: 'reset', at },
              { type: 'buffer', at },
            ]
          : [{ type: 'reset', at }]
    return manners[Math.floor(chance * manners.length)] as Fault
  }
}
