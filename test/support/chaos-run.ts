import { setTimeout as sleep } from 'node:timers/promises'
import type { Handlers } from '../../src/server/handlers.ts'
import type { RealtimeServer } from '../../src/server/index.ts'
import type { MemoryLimits } from '../../src/server/store/memory/memory-store.ts'
import { makeTraffic, type Tally, type TallyReport, type Traffic, wholeReport } from './traffic.ts'

const { message, tally } = makeTraffic()

/** How many messages of one stream may be in flight. */
const maxUnderWay = 500

/** Limits above what is in flight in each stream, so that the store never drops a message that has not arrived. */
export const store: MemoryLimits = {
  maxMessagesPerStream: 2 * maxUnderWay,
  maxBytesPerStream: 2 ** 26,
  maxBytes: 2 ** 32,
}

/** The messages of a run: up, down in the private stream, and down by a topic. */
export interface Lanes {
  readonly seed: number
  /** Messages in each direction. */
  readonly count: number
  /** The time over which they are spread, in milliseconds. */
  readonly spreadMs: number
}

/** The progress of the client. */
export interface Progress {
  /** The numbers of the next messages on the two lanes down. */
  readonly due: readonly [alone: number, topic: number]
  readonly flushed: number
}

export function countsDown({ count }: Lanes): readonly [alone: number, topic: number] {
  return [Math.ceil(count / 2), Math.floor(count / 2)]
}

/** The server's side of one session: sends numbered messages and checks those that arrive. */
export class ServerSide {
  readonly up: Tally
  readonly #lanes: Lanes
  readonly #random: () => number
  readonly topic: string
  /** Filled by `onSession`; more than one entry means that a session was lost, which is a fault. */
  readonly sessions: string[] = []
  /** How sessions ended; here only the client's own `close()` may end one. */
  readonly ends: string[] = []

  constructor(lanes: Lanes, random: () => number) {
    this.#lanes = lanes
    this.#random = random
    this.up = tally(lanes.seed)
    this.topic = `lane-${lanes.seed}`
  }

  get handlers(): Handlers {
    return {
      onSession: async (session) => {
        this.sessions.push(session.id)
        await session.subscribe(this.topic)
      },
      onMessage: (_, { data, redelivered }) => {
        this.up.take(data, redelivered)
        // Some handlers take a moment, so that acknowledgments are late.
        return this.#random() < 0.02 ? sleep(this.#random() * 20) : undefined
      },
      onEnd: (_, { by, code, reason }) => {
        this.ends.push(`${by} ${code} ${reason}`)
      },
    }
  }

  /** Sends all messages once there is a session, no faster than the client receives. `server()` may change. */
  async send(server: () => RealtimeServer, progress: () => Progress, signal: AbortSignal): Promise<void> {
    const { seed, spreadMs } = this.#lanes
    const [alone, topic] = countsDown(this.#lanes)
    const session = await server().session(this.sessions.at(-1) ?? '')
    if (!session) throw new Error('There is no such session.')
    const startedAt = performance.now()
    const ways = [
      { total: alone, sent: 0, give: (data: string | ArrayBuffer) => session.send(data) },
      { total: topic, sent: 0, give: (data: string | ArrayBuffer) => server().publish(this.topic, data) },
    ]
    while (!signal.aborted && ways.some(({ sent, total }) => sent < total)) {
      const part = Math.min(1, (performance.now() - startedAt) / spreadMs)
      for (const [lane, way] of ways.entries()) {
        const through = Math.min(Math.ceil(part * way.total), (progress().due[lane] ?? 1) - 1 + maxUnderWay)
        while (way.sent < through) {
          way.sent += 1
          await way.give(message(seed + 1 + lane, way.sent))
        }
      }
      await sleep(this.#random() * 60)
    }
  }
}

/** The part of a client that the client's side uses, in a page as in Node. */
interface ClientLike {
  send(data: string | ArrayBuffer): void
  flushed(): Promise<unknown>
  on(type: 'message', listener: (event: { readonly data: string | ArrayBuffer; readonly topic: string }) => void): unknown
}

export interface ClientSide {
  readonly progress: Progress
  report(): readonly TallyReport[]
  /** Resolves when all has been sent and acknowledged. */
  readonly sending: Promise<void>
}

/** The client's side. It uses nothing from outside, so that it can be passed to a page. */
export function startClientSide(traffic: Traffic, client: ClientLike, { seed, count, spreadMs }: Lanes): ClientSide {
  const tallies = [traffic.tally(seed + 1), traffic.tally(seed + 2)] as const
  let sent = 0
  let flushed = 0
  client.on('message', ({ data, topic }) => tallies[topic === '' ? 0 : 1].take(data))
  const send = async () => {
    const startedAt = performance.now()
    while (sent < count) {
      const part = Math.min(1, (performance.now() - startedAt) / spreadMs)
      const through = Math.min(Math.ceil(part * count), flushed + 500)
      const from = sent
      while (sent < through) {
        sent += 1
        client.send(traffic.message(seed, sent))
      }
      const last = sent
      if (last > from)
        client.flushed().then(
          () => {
            flushed = Math.max(flushed, last)
          },
          () => {},
        )
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60))
    }
    await client.flushed()
  }
  return {
    get progress() {
      return { due: [tallies[0].due, tallies[1].due] as const, flushed }
    },
    report: () => [tallies[0].report(Math.ceil(count / 2)), tallies[1].report(Math.floor(count / 2))],
    sending: send(),
  }
}

/** The reports of all three lanes when nothing went wrong. */
export function wholeReports(lanes: Lanes): readonly TallyReport[] {
  return [lanes.count, ...countsDown(lanes)].map(wholeReport)
}

/** Prints the figures of a run, since a passed test alone does not show how much was exercised. */
export function tell(parts: readonly string[]): void {
  process.stderr.write(`${parts.join(', ')}\n`)
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
