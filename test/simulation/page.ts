import type { Host, PageSignal } from '../../src/api/host.ts'
import { withDefaults } from '../../src/client/defaults.ts'
import { settingsOf } from '../../src/client/settings.ts'
import { endpointOf } from '../../src/connection/transport-memory.ts'
import { hostNames } from '../../src/host/browser.ts'
import { RealtimeClient } from '../../src/index.ts'
import { type RequestError, session } from '../../src/session/index.ts'
import { AcceptedOpens } from './accepted-opens.ts'
import type { Being, Clock } from './clock.ts'
import type { Network } from './network.ts'
import type { Setting, Signal } from './operations.ts'
import { fetchOf } from './page-fetch.ts'
import { webSocketOf } from './page-socket.ts'
import { inOf, type Made, outOf, tagOf } from './payloads.ts'
import { Random } from './random.ts'
import { origin, transports } from './request-kinds.ts'
import { epochMs, type Ledgers } from './store.ts'
import { Timers } from './timers.ts'

/** Upper limits of pending timers and of messages in the outbox. */
export const maxTimers = 16
export const outboxMessages = 600

/** The page with the client in it, and the application that uses it. */
export class Page {
  readonly being: Being
  readonly client: RealtimeClient
  readonly timers: Timers
  listening = 0
  claims = 0
  skewMs = 0
  isOnline = true
  isHidden = false
  isPutAway = false
  readonly opens = new AcceptedOpens()
  /** The session's epoch as reported to the page. */
  announcedEpoch = ''
  flushes = 0
  final: { readonly code: number } | null = null
  /** Called when the client has closed for good. */
  onFinal: () => void = () => {}
  readonly #clock: Clock
  readonly #ledgers: Ledgers
  readonly #trace: (line: () => string) => void
  readonly #listeners = new Set<(signal: PageSignal) => void>()

  constructor(
    clock: Clock,
    being: Being,
    network: Network,
    seed: number,
    setting: Setting,
    ledgers: Ledgers,
    trace: (line: () => string) => void,
  ) {
    this.being = being
    this.timers = new Timers(clock, being)
    this.#clock = clock
    this.#ledgers = ledgers
    this.#trace = trace
    const url = `${origin}/websocket`
    const host = this.#host(network, new Random(seed, 2))
    const options = {
      probe: false,
      protocol: session({ resend: setting.resends }),
      transports: transports.slice(setting.firstTransport, setting.lastTransport + 1),
      autoConnect: false,
      outbox: { maxMessages: outboxMessages },
      host,
    } as const
    if (setting.remembered) {
      const memory = { transport: setting.remembered, roundTripMs: 40, until: epochMs + 600_000 }
      const endpoint = endpointOf(
        settingsOf(url, withDefaults(options), { ...host, randomBytes: (length) => new Uint8Array(length) }, hostNames),
      )
      host.remember(`steadfast:${origin}`, JSON.stringify({ [endpoint]: memory }))
    }
    this.client = new RealtimeClient(url, options)
    this.#listen()
  }

  /** Sends these messages in one task. */
  send(messages: readonly Made[]): void {
    const { up, court } = this.#ledgers
    for (const made of messages) {
      try {
        this.client.send(outOf(made))
      } catch (error) {
        court.must(error instanceof RangeError || this.client.state.status === 'closed', 'client-throws', () => String(error))
        return
      }
      up.sent(made)
    }
    this.#flush()
  }

  /** Sends these requests in one task. */
  request(tags: readonly string[]): void {
    const { requests, down } = this.#ledgers
    if (this.client.state.status === 'closed') return
    for (const tag of tags) {
      requests.sent(tag)
      this.client.request(tag).then(
        (reply) => requests.replied(tag, reply),
        // A full outbox rejects requests.
        (error) => requests.failed(tag, error instanceof RangeError ? 'undelivered' : (error as RequestError).code, down.gaps),
      )
    }
  }

  /** The application connects again after the server has ended the session, which starts a new session. */
  connectAgain(): void {
    if (!this.final) return
    this.final = null
    this.#ledgers.up.excuse('session-lost', this.#clock.now)
    this.client.connect()
    this.#flush()
  }

  signal(signal: Signal): void {
    if (signal === 'online' || signal === 'offline') this.isOnline = signal === 'online'
    if (signal === 'visible' || signal === 'hidden') this.isHidden = signal === 'hidden'
    if (signal === 'pagehide' || signal === 'pageshow') this.isPutAway = signal === 'pagehide'
    const whole: PageSignal = signal === 'pageshow' ? { type: signal, persisted: true } : { type: signal }
    for (const listener of [...this.#listeners]) listener(whole)
  }

  /** The user returns to the page, if it was hidden or cached. */
  lookedAt(): void {
    if (this.isPutAway) this.signal('pageshow')
    if (this.isHidden) this.signal('visible')
    if (!this.isOnline) this.signal('online')
  }

  #flush(): void {
    const { up } = this.#ledgers
    const { count } = up
    this.flushes += 1
    this.client.flushed().then(
      () => {
        this.flushes -= 1
        up.flushed(count)
      },
      () => {
        this.flushes -= 1
      },
    )
  }

  #listen(): void {
    const { up, down, court } = this.#ledgers
    const { client } = this
    client.on('message', ({ data, id, topic }) => {
      this.#trace(() => `  client took ${id} ${tagOf(inOf(data))}`)
      down.message(inOf(data), id, topic, this.opens.epoch)
      if (id.startsWith('0.')) this.opens.read(Number(id.slice(2)))
    })
    client.on('gap', ({ topic, after, resumesAt }) => {
      this.#trace(() => `  client is told of a gap in '${topic}' from ${after} to ${resumesAt}`)
      down.gap(topic, after, resumesAt ?? 0)
      if (topic === '') this.opens.read((resumesAt ?? 1) - 1)
    })
    client.on('open', ({ transport, resumed }) => {
      this.#trace(() => `  client open over ${transport}${resumed ? ', resumed' : ''} (epoch ${this.opens.epoch})`)
      court.must(
        !resumed || this.announcedEpoch === this.opens.epoch,
        'session-resumed',
        () => 'open says resumed, and it is another epoch',
      )
      if (!resumed) down.began()
      this.announcedEpoch = this.opens.epoch
    })
    client.on('error', ({ diagnosis, undelivered }) => {
      this.#trace(() => `  client error ${diagnosis.cause} ${diagnosis.evidence.transport} ${diagnosis.verdict}`)
      const { cause, message } = diagnosis
      court.must(cause !== 'close.4400' && cause !== 'protocol-mismatch', 'protocol-error', () => message)
      court.must(cause !== 'close.4409', 'moved-is-loss', () => 'the client takes it for a loss that it has moved')
      if (undelivered) up.undelivered(undelivered.map((data) => tagOf(inOf(data))))
    })
    client.on('transport', ({ from, to }) => this.#trace(() => `  client moved from ${from} to ${to}`))
    client.on('close', ({ code, final, retry }) => {
      this.#trace(
        () => `  client closed ${code}${final ? ', finally' : ''}${retry ? `, again in ${Math.round(retry.delayMs)} ms` : ''}`,
      )
      if (!final) return
      this.final = { code }
      this.onFinal()
    })
  }

  #host(network: Network, random: Random): Host {
    const clock = this.#clock
    const storage = new Map<string, string>()
    return {
      now: () => epochMs + clock.now + this.skewMs,
      after: this.timers.after,
      random: random.next,
      randomBytes: (length) => Uint8Array.from({ length }, () => Math.floor(random.next() * 256)),
      report: (error) => this.#ledgers.court.must(false, 'client-reports', () => String((error as Error)?.stack ?? error)),
      log: () => {},
      fetch: fetchOf(network),
      WebSocket: webSocketOf(network),
      engine: () => 'other',
      wallTime: (at) => at,
      pageOrigin: undefined,
      baseUrl: undefined,
      isLive: false,
      isOnline: () => this.isOnline,
      isHidden: () => this.isHidden,
      isPrerendering: () => false,
      roundTripMs: () => undefined,
      recall: (key) => storage.get(key) ?? null,
      remember: (key, value) => void (value === null ? storage.delete(key) : storage.set(key, value)),
      claim: async () => {
        this.claims += 1
        return () => {
          this.claims -= 1
        }
      },
      listen: (listener) => {
        this.#listeners.add(listener)
        this.listening += 1
        return () => {
          if (this.#listeners.delete(listener)) this.listening -= 1
        }
      },
    }
  }
}
