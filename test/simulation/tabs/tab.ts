import type { Topic } from '../../../src/api/calls.ts'
import type { Host, PageSignal } from '../../../src/api/host.ts'
import { RealtimeClient } from '../../../src/index.ts'
import { session } from '../../../src/session/index.ts'
import { shared } from '../../../src/shared/index.ts'
import { Being, type Clock } from '../clock.ts'
import { Network, type Route } from '../network.ts'
import { fetchOf } from '../page-fetch.ts'
import { webSocketOf } from '../page-socket.ts'
import { Random } from '../random.ts'
import { origin, transports } from '../request-kinds.ts'
import { epochMs } from '../store.ts'
import { Timers } from '../timers.ts'
import type { Court } from '../violation.ts'
import type { Browser } from './browser.ts'

export interface TabSurroundings {
  readonly clock: Clock
  readonly browser: Browser
  readonly court: Court
  readonly seed: number
  readonly route: Route
  readonly transport: number
  trace(line: () => string): void
  /** The session to which the server sent the message of this number. */
  pushedTo(number: number): string | undefined
}

/** A tab with a client that shares its connection, and the events that its application gets. */
export class Tab {
  readonly name: string
  readonly being: Being
  readonly network: Network
  readonly client: RealtimeClient
  readonly timers: Timers
  /** The numbers of the messages received, in order. */
  readonly received: number[] = []
  /** The last of them by session: numbers between may have gone to another session that lived and ended meanwhile. */
  readonly #lastOf = new Map<string | undefined, number>()
  /** The counts of received messages after which a gap was reported. */
  readonly gapsAfter = new Set<number>()
  readonly sent: string[] = []
  readonly reported = new Set<string>()
  /** The topics in use, each with the last message received. */
  readonly uses = new Map<string, { readonly topic: Topic<unknown, unknown>; last: unknown }>()
  flushes = 0
  opens = 0
  isClosed = false
  isAway = false
  /** How often it went into the back/forward cache. */
  timesAway = 0
  /** When it was last frozen, hidden or closed. */
  stoppedAt = -1
  readonly #listeners = new Set<(signal: PageSignal) => void>()
  readonly #around: TabSurroundings
  readonly #random: Random

  constructor(name: string, around: TabSurroundings) {
    const { clock, seed, route, trace, court, browser, transport } = around
    const number = Number(name.slice(1))
    this.name = name
    this.being = new Being(name)
    this.#around = around
    this.timers = new Timers(clock, this.being)
    this.network = new Network(clock, this.being, seed + number * 7919, route, (line) => trace(() => `${name} ${line()}`))
    const random = new Random(seed, 20 + number)
    this.#random = new Random(seed, 1000 + number)
    const host: Host = {
      now: () => epochMs + clock.now,
      after: this.timers.after,
      random: random.next,
      randomBytes: (length) => Uint8Array.from({ length }, () => Math.floor(random.next() * 256)),
      report: (error) => court.must(false, 'client-reports', () => String((error as Error)?.stack ?? error)),
      log: () => {},
      fetch: fetchOf(this.network),
      WebSocket: webSocketOf(this.network),
      engine: () => 'other',
      wallTime: (at) => at,
      pageOrigin: undefined,
      baseUrl: undefined,
      isLive: false,
      isOnline: () => true,
      isHidden: () => false,
      isPrerendering: () => false,
      roundTripMs: () => undefined,
      recall: (key) => browser.storage.get(key) ?? null,
      remember: (key, value) => void (value === null ? browser.storage.delete(key) : browser.storage.set(key, value)),
      claim: async () => () => {},
      tabs: browser.for(this.being),
      listen: (listener) => {
        this.#listeners.add(listener)
        return () => void this.#listeners.delete(listener)
      },
    }
    this.client = new RealtimeClient(`${origin}/websocket`, {
      probe: false,
      protocol: session(),
      connection: shared({ key: 'somebody' }),
      autoConnect: false,
      host,
      transports: transports.slice(transport),
    })
    this.client.onrequest = () => new Promise((resolve) => this.timers.after(random.magnitude(1, 5000), () => resolve(name)))
    this.#listen()
    this.client.connect()
  }

  get isLiving(): boolean {
    return this.being.state !== 'dead' && !this.isClosed
  }

  get isHere(): boolean {
    return this.isLiving && this.being.state === 'awake' && !this.isAway
  }

  get listening(): number {
    return this.#listeners.size
  }

  send(count: number): void {
    if (this.client.state.status === 'closed') return
    for (let index = 0; index < count; index += 1) {
      const text = `${this.name}/${this.sent.length}`
      this.client.send(text)
      this.sent.push(text)
    }
    this.flushes += 1
    this.client.flushed().then(
      () => {
        this.flushes -= 1
      },
      () => {
        this.flushes -= 1
      },
    )
  }

  /** Begins to use a topic, or ceases to. */
  toggle(name: string): void {
    const used = this.uses.get(name)
    if (used) {
      used.topic.unsubscribe()
      this.uses.delete(name)
      return
    }
    if (this.client.state.status === 'closed') return
    const { court } = this.#around
    const topic = this.client.subscribe(name)
    const use = { topic, last: undefined as unknown }
    this.uses.set(name, use)
    let offset = 0
    const { timesAway } = this
    topic.on('message', (message) => {
      this.#around.trace(() => `${this.name} took ${name} ${message.offset}`)
      const isNext = !offset || message.offset === offset + 1
      court.must(isNext, 'topic-order', () => `${this.name} gets ${message.offset} of ${name} after ${offset}`)
      offset = message.offset
      use.last = message.data
    })
    topic.on('gap', ({ after, resumesAt }) => {
      // The tab was away, and the leader's past does not reach back as far.
      court.must(this.timesAway > timesAway, 'topic-gap', () => `${this.name} has a gap of ${name} and was never away`)
      // A use that has read nothing yet begins at a place that only its gap tells.
      const isNext = (after === null || after === offset || !offset) && resumesAt > (offset || (after ?? 0)) + 1
      court.must(
        isNext,
        'topic-gap-place',
        () => `${this.name} has a gap of ${name} from ${after} to ${resumesAt} after ${offset}`,
      )
      offset = resumesAt - 1
    })
    topic.on('error', ({ error }) => court.must(false, 'topic-refused', () => `${name} of ${this.name}: ${error.message}`))
  }

  signal(signal: PageSignal): void {
    if (signal.type === 'pagehide') {
      this.isAway = true
      this.timesAway += 1
    }
    if (signal.type === 'pageshow') this.isAway = false
    for (const listener of [...this.#listeners]) listener(signal)
  }

  async close(): Promise<void> {
    this.isClosed = true
    const { unsent, unconfirmed } = await this.client.close()
    for (const each of [...unsent, ...unconfirmed]) this.reported.add(String(each))
    this.#around.trace(() => `${this.name} has closed, ${unsent.length} unsent, ${unconfirmed.length} unconfirmed`)
  }

  reopen(): void {
    this.isClosed = false
    this.opens = 0
    // What was published meanwhile may not be there any more.
    this.timesAway += 1
    this.#around.trace(() => `${this.name}: reopen`)
    this.client.connect()
  }

  /** The number of the next message that was sent to the same session. */
  #nextAfter(number: number): number {
    const { pushedTo } = this.#around
    let next = number + 1
    while (pushedTo(next) !== undefined && pushedTo(next) !== pushedTo(number)) next += 1
    return next
  }

  #listen(): void {
    const { client, name } = this
    const { trace, court, pushedTo } = this.#around
    client.on('message', ({ data, topic }) => {
      if (topic) return
      trace(() => `${name} took ${String(data)}`)
      const number = Number(String(data).slice(1))
      const last = this.#lastOf.get(pushedTo(number))
      court.must(last === undefined || number > last, 'down-order', () => `${name} gets ${number} after ${last}`)
      const isNext = last === undefined || number === this.#nextAfter(last) || this.gapsAfter.has(this.received.length)
      court.must(isNext, 'down-missing', () => `${name} gets ${number} after ${last}, and was told of no gap`)
      this.received.push(number)
      this.#lastOf.set(pushedTo(number), number)
    })
    client.on('gap', ({ after, resumesAt, topic }) => {
      if (topic) return
      trace(() => `${name} is told of a gap from ${after} to ${resumesAt}`)
      this.gapsAfter.add(this.received.length)
    })
    client.on('open', ({ resumed, transport }) => {
      trace(() => `${name} open over ${transport}${resumed ? ', resumed' : ''}`)
      this.opens += 1
      if (!resumed) this.gapsAfter.add(this.received.length)
    })
    client.on('error', ({ diagnosis, undelivered = [], unconfirmed = [] }) => {
      trace(() => `${name} error ${diagnosis.cause}`)
      court.must(
        !['close.4400', 'protocol-mismatch', 'close.4409', 'close.4410'].includes(diagnosis.cause),
        'protocol-error',
        () => `${name}: ${diagnosis.cause}, ${diagnosis.message}`,
      )
      for (const each of [...undelivered, ...unconfirmed]) this.reported.add(String(each))
    })
    client.on('close', ({ final, code }) => {
      if (!final || this.isClosed) return
      trace(() => `${name} was closed with ${code}`)
      const connect = () => this.isClosed || client.connect()
      if (this.#random.chance(0.5)) connect()
      else this.timers.after(this.#random.magnitude(1, 3000), connect)
    })
    client.on('state', ({ state }) => trace(() => `${name} is ${state.status}`))
  }
}
