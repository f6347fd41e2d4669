import type { OutboxBounds } from '../../src/api/message-sender.ts'
import type { Link, Writable } from '../../src/api/transport.ts'
import { outdated } from '../../src/session/carrier.ts'
import type { FrameListener, SessionMessage } from '../../src/session/session-port.ts'
import { SessionSender } from '../../src/session/session-sender.ts'
import { SessionState } from '../../src/session/session-state.ts'
import { FakePostLink, FakeSocketLink } from './fake-link.ts'
import { openFrame } from './hand-network.ts'
import { type ManualPage, manualPage, promised } from './manual-host.ts'

/** A session that is fed frames, with all that it reports. */
export interface Reading {
  readonly session: SessionState
  /** What was reported to the attachment: messages as `<id> <topic>: <data>`. */
  readonly heard: unknown[]
  /** What was reported to the sender. */
  readonly told: unknown[]
  readonly listener: FrameListener
  read(...frames: readonly (string | ArrayBuffer)[]): void
}

export function reading(onMessage: (message: SessionMessage) => void = () => {}): Reading {
  const session = new SessionState('a-session-of-the-tests')
  const heard: unknown[] = []
  const told: unknown[] = []
  const listener: FrameListener = {
    opened: ({ k }) => void heard.push(`opened ${k}`),
    received(message) {
      const { id, topic, data } = message
      heard.push(typeof data === 'string' ? `${id} ${topic}: ${data}` : [id, topic, [...new Uint8Array(data)]])
      onMessage(message)
    },
    pinged: () => void heard.push('pinged'),
    challenged: () => void heard.push('challenged'),
    closed: ({ code, reason, retryAfterMs }) => void heard.push(['closed', code, reason, retryAfterMs || undefined]),
    outdated,
  }
  session.port = {
    isAwaited: () => false,
    onAcked: (n) => void told.push(`acked ${n}`),
    onRewind: (n) => void told.push(`back ${n}`),
    onAckOwed: () => void told.push('owing'),
    onGap: (gap) => void told.push(gap),
    onCall: (call) => void told.push(call),
    onUnsubscribed() {},
  }
  return {
    session,
    heard,
    told,
    listener,
    read(...frames) {
      for (const frame of frames) {
        if (typeof frame === 'string') session.readText(frame, listener)
        else session.readBytes(frame, listener, '')
      }
    },
  }
}

/** The link of a WebSocket in a session. */
export class SessionSocketLink extends FakeSocketLink {
  readonly #taken: number
  constructor(taken = 0) {
    super()
    this.#taken = taken
  }

  taken(): number {
    return this.#taken
  }

  /** The values written since the last call. */
  news(): Writable[] {
    return this.written.splice(0)
  }
}

/** The link of an event stream, or with `tellsCursor` of a polling transport. */
export class SessionPostLink extends FakePostLink {
  readonly tellsCursor: boolean
  readonly #taken: number
  constructor({ taken = 0, tellsCursor = false } = {}) {
    super()
    this.#taken = taken
    this.tellsCursor = tellsCursor
  }

  taken(): number {
    return this.#taken
  }

  /** The lines of each post. */
  get bodies(): readonly string[] {
    return this.posts.map(({ data }) => String(data))
  }
}

export interface SessionBench extends ManualPage {
  readonly session: SessionState
  readonly sender: SessionSender<unknown>
  readonly lost: unknown[]
  readonly broken: unknown[]
  doubts: number
  /** How often two servers without a shared store were noticed. */
  divisions: number
  carried: number
  send(...values: readonly (string | ArrayBuffer | Blob)[]): void
  /** The server sends frames. */
  read(...frames: readonly string[]): void
  /** Attaches a link, after the server's `open`. */
  attach<Attached extends Link>(link: Attached, more?: Parameters<typeof openFrame>[0]): Attached
  /** Lets time pass, and wakes the sender when it is due, as the connector does. */
  wait(ms: number): Promise<void>
}

export interface SessionBenchOptions extends Partial<OutboxBounds> {
  readonly ttlMs?: number
  readonly resends?: boolean
  readonly roundTripMs?: number
}

export function sessionBench(options: SessionBenchOptions = {}): SessionBench {
  const { ttlMs = Infinity, resends = true, roundTripMs = 100, ...limits } = options
  const page = manualPage()
  const lost: unknown[] = []
  const broken: unknown[] = []
  const session = new SessionState('a-session-of-the-tests')
  const sender = new SessionSender<unknown>({
    host: page.host,
    session,
    resends,
    ttlMs,
    writeTimeoutMs: 10_000,
    limits: { maxMessages: 100_000, maxBytes: 2 ** 24, overflow: 'reject', ...limits },
    roundTripMs: () => roundTripMs,
    onLost: (what, report) => lost.push({ ...what, why: report.kind }),
    onGap: () => {},
    onSent: () => {
      bench.carried += 1
    },
    onDue: () => {},
    isPageLeaving: () => false,
    postLast: () => null,
    onAckOverdue: () => {
      bench.doubts += 1
    },
    onDivided: () => {
      bench.divisions += 1
    },
    onNote() {},
    onBroken: (report) => {
      broken.push(report)
      sender.detach()
    },
  })
  const listener: FrameListener = { opened() {}, received() {}, pinged() {}, closed() {}, outdated }
  const bench: SessionBench = {
    ...page,
    session,
    sender,
    lost,
    broken,
    doubts: 0,
    divisions: 0,
    carried: 0,
    send(...values) {
      for (const value of values) sender.send(value, value)
    },
    read(...frames) {
      for (const frame of frames) session.readText(frame, listener)
    },
    attach(link, more = {}) {
      session.readText(openFrame(more), listener)
      sender.attach(link)
      return link
    },
    async wait(ms) {
      const until = page.clock.now() + ms
      await promised()
      for (;;) {
        const due = Math.min(sender.dueAt(), page.clock.nextAt)
        if (due > until) break
        await page.pass(Math.max(0, due - page.clock.now()))
        if (sender.dueAt() <= page.clock.now()) sender.pump()
        await promised()
      }
      await page.pass(until - page.clock.now())
    },
  }
  return bench
}
