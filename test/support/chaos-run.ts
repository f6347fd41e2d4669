import { setTimeout as sleep } from 'node:timers/promises'
import type { Handlers } from '../../src/server/handlers.ts'
import type { RealtimeServer } from '../../src/server/index.ts'
import type { MemoryLimits } from '../../src/server/store/memory/memory-store.ts'
import { makeTraffic, type Tally, type TallyReport, type Traffic, wholeReport } from './traffic.ts'

const { message, tally } = makeTraffic()

/** What of one stream may be on its way and not arrived. */
const maxUnderWay = 500

/** What is on its way in any number of streams, so that there is nothing to forget that somebody has not had. */
export const store: MemoryLimits = {
  maxMessagesPerStream: 2 * maxUnderWay,
  maxBytesPerStream: 2 ** 26,
  maxBytes: 2 ** 32,
}

/** Which messages go which way: up, down to the session alone, and down by a topic. */
export interface Lanes {
  readonly seed: number
  /** Each way, in all. */
  readonly count: number
  /** Over how long they are spread, in milliseconds. */
  readonly spreadMs: number
}

/** How far the client is. */
export interface Progress {
  /** The numbers of the messages that are due on the two lanes down. */
  readonly due: readonly [alone: number, topic: number]
  readonly flushed: number
}

export function countsDown({ count }: Lanes): readonly [alone: number, topic: number] {
  return [Math.ceil(count / 2), Math.floor(count / 2)]
}

/** The server's side of numbered messages both ways, for one session. */
export class ServerSide {
  readonly up: Tally
  readonly #lanes: Lanes
  readonly #random: () => number
  readonly topic: string
  /** Set by `onSession`; a session that is lost begins once more, which is a fault. */
  readonly sessions: string[] = []
  /** How sessions ended; nothing but the client's own `close()` may do that here. */
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
        // Some handlers take a moment, so that acknowledgments come late.
        return this.#random() < 0.02 ? sleep(this.#random() * 20) : undefined
      },
      onEnd: (_, { by, code, reason }) => {
        this.ends.push(`${by} ${code} ${reason}`)
      },
    }
  }

  /** Sends all, not faster than the client takes it, once there is a session; `server` may be another one each time. */
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

/** What the client's side needs of its client, in a page as in Node. */
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

/** The client's side. It stands alone, so that it can be handed to a page. */
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

/** What all three lanes report when nothing went wrong. */
export function wholeReports(lanes: Lanes): readonly TallyReport[] {
  return [lanes.count, ...countsDown(lanes)].map(wholeReport)
}

/** Says what a run came to: green alone would not tell how much was done, and to whom. */
export function tell(parts: readonly string[]): void {
  process.stderr.write(`${parts.join(', ')}\n`)
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
