import type { Message, RequestMessage } from '../../src/server/handlers.ts'
import { defaultLimits } from '../../src/server/limits.ts'
import type { ServerHost } from '../../src/server/node/host.ts'
import { ServerNode } from '../../src/server/node/node.ts'
import { tickOf } from '../../src/server/node/node-context.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import type { OpenFrame } from '../../src/wire/steadfast-v1.ts'
import { Being, type Clock } from './clock.ts'
import { IdleClients } from './idle-clients.ts'
import type { Connection, Network } from './network.ts'
import { NodeDoor } from './node-door.ts'
import type { Setting } from './operations.ts'
import { inOf, type Made, made, outOf, tagOf } from './payloads.ts'
import { Random } from './random.ts'
import { epochMs, type Ledgers, type SharedStore } from './store.ts'
import { Timers } from './timers.ts'

export interface Surroundings {
  readonly clock: Clock
  readonly setting: Setting
  readonly seed: number
  readonly store: SharedStore
  readonly ledgers: Ledgers
  readonly network: Network
  trace(line: () => string): void
  greeted(session: string, k: number): void
  /** A frame reached the page. */
  arrived(frame: string): void
  nextTag(): string
}

/** The data that the application stores in a session at the end of `onSession`. */
const begun = 'begun'

/** The most timers of a node: its own, and one for each pending answer and POST. */
const maxTimers = 24

/** One life of a node, from its start to its death. */
export class NodeLife {
  readonly name: string
  readonly being: Being
  readonly timers: Timers
  readonly node: ServerNode
  readonly door: NodeDoor
  /** The error of its wall clock. */
  skewMs: number
  readonly #idle: IdleClients
  readonly #epochs = new WeakMap<Session, string>()
  readonly #around: Surroundings
  readonly #random: Random

  constructor(name: string, around: Surroundings) {
    const { clock, setting, seed, store } = around
    this.name = name
    this.being = new Being(name)
    this.timers = new Timers(clock, this.being)
    this.#around = around
    this.#random = new Random(seed, 5)
    const random = new Random(seed, 6)
    const startedAt = random.integer(0, 1_000_000)
    this.skewMs = random.integer(-600_000, 600_000)
    this.#idle = new IdleClients(clock, this.being, around.ledgers.court)
    let lastId = 0
    const host: ServerHost = {
      // Wall clocks are wrong, and may be changed while the node runs.
      now: () => epochMs + clock.now + this.skewMs,
      elapsedMs: () => clock.now + startedAt,
      after: this.timers.after,
      random: random.next,
      randomId: () => {
        lastId += 1
        return `${name}-${lastId}`
      },
      report: (error) => this.#reported(error),
    }
    const { heartbeatMs, resumeWindowMs, leaseMs, maxMessageBytes, maxBatchBytes } = setting
    this.node = new ServerNode({
      host,
      ...store.for(this.being),
      settings: {
        heartbeatMs,
        resumeWindowMs,
        leaseMs,
        isAuthenticating: false,
        pinSessions: setting.isPinned,
        storeTimeoutMs: 3000,
        limits: { ...defaultLimits, maxMessageBytes, maxBatchBytes },
        tickMs: tickOf(heartbeatMs, leaseMs, resumeWindowMs),
      },
      handlers: {
        onSession: (session) => this.#began(session),
        onMessage: (session, message) => this.#handle(session, message),
        onRequest: (_, message) => this.#answer(message),
        ...(setting.hasOnEnd ? { onEnd: (session) => this.#ended(session) } : {}),
      },
    })
    this.door = new NodeDoor(
      this.being,
      this.node,
      around.network,
      setting.socketBytes,
      ({ session, k }) => around.greeted(session, k),
      (frame, connection) => this.#overheard(frame, connection),
      around.ledgers.court,
    )
  }

  /** Kills the node without a shutdown. */
  kill(): void {
    this.being.state = 'dead'
    this.node.halt()
  }

  leave(drainMs: number): Promise<void> {
    return this.node.close(drainMs)
  }

  /** Checks the invariants of the node; returns the highest number of confirmed attachments of one session. */
  check(): number {
    const { setting, ledgers } = this.#around
    const { count } = this.timers
    ledgers.court.must(count <= maxTimers, 'server-timers', () => `${this.name} waits for ${count} timers`)
    return this.door.check(ledgers.court, setting.heartbeatMs)
  }

  /** What is left of sessions in the node; '' without anything. */
  rest(): string {
    const { attachments } = this.door
    const { sessionsHere } = this.node
    return sessionsHere + attachments > 0 ? `${sessionsHere} sessions with ${attachments} attachments` : ''
  }

  /** Other clients connect, and stay idle. */
  grow(sessions: number, everyMs: number): void {
    this.#idle.join(this.node, sessions, everyMs)
  }

  /** The idle clients leave. */
  shrink(): void {
    this.#idle.leave()
  }

  push(id: string, message: Made): void {
    this.#with(id, (session) => session.send(outOf(message)))
  }

  publish(topic: string, message: Made): void {
    this.node.publish(topic, outOf(message)).catch((error) => this.#reported(error))
  }

  change(id: string, how: 'subscribe' | 'unsubscribe', topic: string): void {
    this.#with(id, (session) => session[how](topic))
  }

  kick(id: string, code: number): void {
    this.#with(id, (session) => session.close(code, 'kicked'))
  }

  #with(id: string, run: (session: Session) => Promise<boolean>): void {
    const whole = async () => {
      const session = await this.node.session(id)
      if (session) await run(session)
    }
    whole().catch((error) => this.#reported(error))
  }

  async #began(session: Session): Promise<void> {
    if (IdleClients.is(session.id)) return
    const { ledgers, setting, clock, trace } = this.#around
    trace(() => `  ${this.name} onSession`)
    ledgers.up.hook('onSession', this.#epochOf(session), this.name, clock.now)
    ledgers.up.began(this.#epochOf(session), this.name, setting.isPinned)
    if (this.#random.chance(0.7)) await session.subscribe('news')
    await session.update(begun)
  }

  #ended(session: Session): void {
    if (IdleClients.is(session.id)) return
    const { ledgers, clock, trace } = this.#around
    trace(() => `  ${this.name} onEnd`)
    ledgers.up.hook('onEnd', this.#epochOf(session), this.name, clock.now)
  }

  async #handle(session: Session, message: Message): Promise<void> {
    const { clock, setting, ledgers, store, trace } = this.#around
    const it = inOf(message.data)
    const tag = tagOf(it)
    const index = Number(tag.slice(1))
    const { n, session: id } = message.id
    trace(() => `  ${this.name} handles ${tag} (n ${n})${message.redelivered ? ', redelivered' : ''}`)
    const record = store.records.get(id)
    const epoch = this.#epochOf(session)
    ledgers.court.must(record?.data === begun, 'no-onsession', () => `${tag} is handled, and onSession has not done its work`)
    ledgers.up.atHome(epoch, this.name, setting.isPinned, tag)
    ledgers.up.started(it, index, n, message.redelivered, this.name, epoch, clock.now)
    const random = new Random(this.#around.setting.leaseMs, index, n)
    // Most handlers are quick, some are slow.
    const forMs = setting.handlerMs * random.next() ** 6
    if (forMs > 1) await new Promise<void>((resolve) => clock.after(this.being, forMs, resolve))
    if (random.chance(setting.echoShare)) {
      const sending = session.send(outOf(made(this.#around.nextTag(), 'text', 20, index)))
      // Some handlers catch errors of the store, the others fail with them.
      await (random.chance(0.5) ? sending.catch(() => {}) : sending.catch((error) => this.#failed(error, index, epoch)))
    }
    if (this.being.state !== 'dead') ledgers.up.settled(index, this.name, epoch)
    if (random.chance(setting.throwShare)) throw new Error('this handler throws')
  }

  async #answer({ data, redelivered, id }: RequestMessage): Promise<string> {
    const { clock, setting, ledgers } = this.#around
    ledgers.requests.started(String(data), redelivered)
    const forMs = setting.handlerMs * new Random(setting.leaseMs, id.n, id.n).next() ** 6
    if (forMs > 1) await new Promise<void>((resolve) => clock.after(this.being, forMs, resolve))
    ledgers.requests.done(String(data))
    return `re: ${data}`
  }

  /** The life to which a handle belongs, from when it is first seen: a node that hears nothing handles messages of a lost one. */
  #epochOf(session: Session): string {
    const epoch = this.#epochs.get(session) ?? this.#around.store.records.get(session.id)?.epoch ?? ''
    this.#epochs.set(session, epoch)
    return epoch
  }

  /** A handler fails with an error of the store, and will run again. */
  #failed(error: unknown, index: number, epoch: string): never {
    if (this.being.state !== 'dead') this.#around.ledgers.up.failed(index, this.name, epoch)
    throw error
  }

  /** A frame reaches the page. */
  #overheard(frame: string, { isHeld, id, toldAt }: Connection): void {
    if (!isHeld) return
    const { ledgers, store, arrived, trace } = this.#around
    trace(() => `  #${id} brings ${frame.length > 100 ? `${frame.slice(0, 100)}…` : frame}`)
    const open: OpenFrame | null = frame[0] === 'o' ? JSON.parse(frame.slice(1)) : null
    const ack = open?.ack ?? (frame[0] === 'a' ? Number.parseInt(frame.slice(1), 10) : 0)
    ledgers.up.acked(ack)
    if (open) store.touched(toldAt)
    arrived(frame)
  }

  #reported(error: unknown): void {
    const text = String((error as Error)?.stack ?? error)
    this.#around.trace(() => `  ${this.name} reports ${String(error)}`)
    const isExpected = /this handler throws|the store is not available|the store failed in|limits.maxMessageBytes allows/.test(
      text,
    )
    this.#around.ledgers.court.must(isExpected, 'server-reports', () => text)
  }
}
