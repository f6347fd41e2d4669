import { setTimeout as sleep } from 'node:timers/promises'
import { RealtimeClient } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { type TransportName, transportOf } from '../support/session-rig.ts'
import { nodeHost } from '../support/watched-client.ts'
import type { FleetLog } from './processes.ts'

/** Messages of one life that a client did not get, though it got one before and one after, and no gap was reported between. */
interface Hole {
  readonly life: string
  readonly from: number
  readonly to: number
}

/** A client of a fleet, which numbers what it sends and checks what it gets. */
export class FleetClient {
  readonly name: string
  readonly client: RealtimeClient
  readonly faults: string[] = []
  readonly holes: Hole[] = []
  isClosing = false
  sent = 0
  /** How many gaps and lost sessions were reported to it. */
  marks = 0
  readonly #last = new Map<string, { readonly n: number; readonly marks: number }>()
  readonly #positions = new Map<string, number>()

  constructor(name: string, url: string, transports: readonly TransportName[]) {
    this.name = name
    this.client = new RealtimeClient(url, {
      protocol: session(),
      transports: transports.map((each) => (each === 'poll' ? { ...transportOf(each), intervalMs: 500 } : transportOf(each))),
      retry: { minDelayMs: 50, maxDelayMs: 1000 },
      connectTimeoutMs: 3000,
      prepare: () => ({ auth: name }),
      host: { ...nodeHost, report: (error) => void this.faults.push(`reported ${error}`) },
    })
    this.client.on('open', ({ resumed }) => {
      if (!resumed) this.#mark()
    })
    this.client.on('gap', () => this.#mark())
    this.client.on('message', ({ data, topic, id }) => this.#take(String(data), topic, String(id)))
    this.client.on('error', ({ undelivered, unconfirmed, diagnosis: { cause, message } }) => {
      for (const each of [...(undelivered ?? []), ...(unconfirmed ?? [])])
        this.faults.push(`${each} was given up: ${cause}, ${message}`)
    })
    this.client.on('close', ({ final, code, reason }) => {
      if (final && !this.isClosing) this.faults.push(`it was closed for good: ${code} ${reason}`)
    })
  }

  /** Sends a message every `everyMs`, until the signal is aborted. */
  async send(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.sent += 1
      this.client.send(String(this.sent))
      await sleep(everyMs)
    }
  }

  /** Publications that the log acknowledged and that are missing without a reported gap. */
  missing(log: FleetLog): string[] {
    const acknowledged = new Set(log.lines('published').map(({ life, words }) => `${life} ${words[0]}`))
    return this.holes.flatMap(({ life, from, to }) => {
      const lost = Array.from({ length: to - from + 1 }, (_, index) => `${life} ${from + index}`)
      return lost.filter((each) => acknowledged.has(each)).map((each) => `${this.name} never got ${each}`)
    })
  }

  /** Whether it has received a message of this life with this number, or a later one. */
  hasReached(life: string, n: number): boolean {
    return (this.#last.get(life)?.n ?? 0) >= n
  }

  /** The lives of which it has not received the last message, with the last one that it has received. */
  lacks(alive: readonly (readonly [life: string, n: number])[]): string {
    const behind = alive.filter(([life, n]) => !this.hasReached(life, n))
    return behind.map(([life, n]) => `${this.#last.get(life)?.n ?? 'nothing'} of ${n} of ${life}`).join(', ')
  }

  async close(): Promise<void> {
    this.isClosing = true
    await this.client.close()
  }

  #mark(): void {
    this.marks += 1
    this.#positions.clear()
  }

  #take(data: string, topic: string, id: string): void {
    const [stream = '', offset = '0'] = id.split('.')
    if (Number(offset) <= (this.#positions.get(stream) ?? 0)) this.faults.push(`${id} came behind ${this.#positions.get(stream)}`)
    this.#positions.set(stream, Number(offset))
    const [first = '', second = ''] = data.split(' ')
    // The order of echoes is checked by their ids.
    if (topic === '') return
    const n = Number(second)
    const last = this.#last.get(first)
    if (last && n <= last.n) this.faults.push(`${data} came behind ${first} ${last.n}`)
    if (last && n > last.n + 1 && last.marks === this.marks) this.holes.push({ life: first, from: last.n + 1, to: n - 1 })
    this.#last.set(first, { n, marks: this.marks })
  }
}
