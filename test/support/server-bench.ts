import type { Attachment } from '../../src/server/delivery/attachment.ts'
import type { Carrier, Medium } from '../../src/server/delivery/carrier.ts'
import { type ClientHello, readHello } from '../../src/server/delivery/parse-frames.ts'
import type { Handlers } from '../../src/server/handlers.ts'
import { defaultLimits, type Limits } from '../../src/server/limits.ts'
import { ServerNode } from '../../src/server/node/node.ts'
import { type NodeSettings, tickOf } from '../../src/server/node/node-context.ts'
import type { Receipt } from '../../src/server/session/post-request.ts'
import { type MemoryLimits, type MemoryStore, memoryStore } from '../../src/server/store/memory/memory-store.ts'
import type { Watch } from '../../src/server/store/ports.ts'
import type { CloseFrame, OpenFrame, Run } from '../../src/wire/steadfast-v1.ts'
import { ManualClock, promised } from './manual-host.ts'

/** The session of most tests. */
export const sessionId = 'a-session-of-the-tests'

export interface HelloOptions {
  readonly session?: string
  readonly k?: number
  readonly n?: number
  readonly last?: number
  readonly turn?: number
  readonly cursor?: string
  readonly wait?: number
  readonly send?: true
  readonly auth?: unknown
  readonly protocols?: readonly string[]
}

export function helloOf(options: HelloOptions = {}): object {
  return { v: 1, session: sessionId, k: 1, n: 1, ...options }
}

export function greetingOf(options: HelloOptions = {}): ClientHello {
  const greeting = readHello(JSON.stringify(helloOf(options)))
  if (!greeting) throw new Error('That is no hello.')
  return greeting
}

/** A fake carrier that records the frames written to it. */
export class FakeCarrier implements Carrier {
  readonly medium: Medium
  readonly frames: (string | Uint8Array)[] = []
  /** The close frame that ended it; `'complete'` for an answer. */
  closed: CloseFrame | 'complete' | null = null
  beats = 0
  takes = true
  bytesIn = 0
  /** After this many frames it is full, until it is drained. */
  fillsAfter = Infinity
  #written = 0
  constructor(medium: Medium) {
    this.medium = medium
  }

  write(frame: string | Uint8Array): void {
    if (this.closed) throw new Error('It was written to after its end.')
    this.frames.push(frame)
    this.#written += 1
    if (this.#written % this.fillsAfter === 0) this.takes = false
  }

  heartbeat(): void {
    this.beats += 1
  }

  isDraining(): boolean {
    return this.takes
  }

  bytesReceived(): number {
    return this.bytesIn
  }

  end(close?: CloseFrame): void {
    if (this.closed) throw new Error('It was ended twice.')
    this.closed = close ?? 'complete'
  }

  get open(): OpenFrame {
    const frame = this.frames[0]
    if (typeof frame !== 'string' || !frame.startsWith('o')) throw new Error('It was not opened.')
    return JSON.parse(frame.slice(1))
  }

  /** The frames without `open`, with one entry for each message, whichever frame it came in: `stream.offset:text`. */
  get news(): string[] {
    return newsOf(this.frames)
  }
}

/** The content of frames, one entry per message: `0.13:hello`, bytes as a list of numbers, other frames unchanged. */
export function newsOf(frames: readonly (string | Uint8Array)[]): string[] {
  return frames.flatMap((frame) => {
    if (typeof frame !== 'string') {
      const at = frame.indexOf(10)
      return [`${new TextDecoder().decode(frame.subarray(0, at))}:[${[...frame.subarray(at + 1)]}]`]
    }
    const rest = frame.slice(1)
    if (frame[0] === 'o') return []
    if (frame[0] === 'm') return [rest]
    if (frame[0] === 'b') {
      const at = rest.indexOf(':')
      return [`${rest.slice(0, at)}:[${[...Buffer.from(rest.slice(at + 1), 'base64')]}]`]
    }
    if (frame[0] !== 'M') return [frame]
    return (JSON.parse(rest) as Run[]).flatMap(([stream, offset, ...texts]) =>
      texts.map((text, index) => `${stream}.${offset + index}:${text}`),
    )
  })
}

interface Attached {
  readonly carrier: FakeCarrier
  readonly attachment: Attachment
}

export interface ServerBenchOptions {
  readonly nodes?: number
  readonly handlers?: Handlers | ((node: number) => Handlers)
  readonly limits?: Partial<Limits>
  readonly settings?: Partial<NodeSettings>
  readonly store?: MemoryLimits
  /** The nodes use the store directly, which answers synchronously; then `fail()` has no effect. */
  readonly isDirect?: boolean
  /** The round trip of each call of the store, in milliseconds. */
  readonly storeMs?: number
  /** The delay of announcements after their change, in milliseconds. */
  readonly newsMs?: () => number
  /** Whether the store does not answer this node at present. */
  readonly isStalled?: (node: number) => boolean
}

/** How a call of the store fails: before it has taken effect, after it, or because another write came first. */
export type Trouble = 'before' | 'after' | 'conflict'

interface Failure {
  readonly method: string
  readonly when: Trouble
  count: number
}

/** Nodes over one store, under a fake clock. */
export class ServerBench {
  readonly clock = new ManualClock(1_000_000)
  readonly store: MemoryStore
  readonly nodes: ServerNode[]
  readonly reported: unknown[] = []
  /** How often each method of the store was called: `topics.readAfter`, `sessions.write`. */
  readonly calls = new Map<string, number>()
  readonly #options: ServerBenchOptions
  /** Whether the simulated process is dead, by node. */
  readonly #isDead: boolean[] = []
  readonly #attachments = new Map<FakeCarrier, Attachment>()
  #lastId = 0
  #failure: Failure | null = null
  #isDeaf = false
  readonly #listeners = new Set<(news: null) => void>()

  constructor(options: ServerBenchOptions = {}) {
    this.#options = options
    this.store = memoryStore(options.store, { now: () => this.clock.now(), randomId: () => this.#randomId() })
    this.nodes = Array.from({ length: options.nodes ?? 1 }, (_, index) => this.#node(index))
  }

  /** Attaches over a WebSocket to the first node, as the principal `ann`, unless told otherwise. */
  async attach(
    hello: HelloOptions = {},
    { node = 0, medium = 'websocket', principal = 'ann' }: { node?: number; medium?: Medium; principal?: string } = {},
  ): Promise<Attached> {
    const carrier = new FakeCarrier(medium)
    const greeting = greetingOf(hello)
    const { protocols } = greeting
    const chosen = protocols ? { ...greeting, protocol: protocols[0] ?? '' } : greeting
    const attachment = this.at(node).attach({ hello: chosen, principal: { id: principal } }, carrier)
    this.#attachments.set(carrier, attachment)
    await promised()
    return { carrier, attachment }
  }

  /** Attaches, and confirms with turn 1. */
  confirmed(hello: HelloOptions = {}, how: { node?: number; medium?: Medium; principal?: string } = {}): Promise<Attached> {
    return this.attach({ turn: 1, ...hello }, how)
  }

  post(lines: readonly string[], hello: HelloOptions = {}, { node = 0, principal = 'ann' } = {}): Promise<Receipt> {
    return this.at(node).post(greetingOf({ send: true, ...hello }), { id: principal }, lines)
  }

  at(index: number): ServerNode {
    const node = this.nodes[index]
    if (!node) throw new Error('There is no such node.')
    return node
  }

  async session(id = sessionId, node = 0) {
    const session = await this.at(node).session(id)
    if (!session) throw new Error('There is no such session.')
    return session
  }

  /** A full carrier has room again. */
  drain(carrier: FakeCarrier): void {
    this.#attachments.get(carrier)?.drained()
  }

  /** Lets time pass and, between any two timers, all promises settle. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.now() + ms
    await promised()
    while (this.clock.nextAt <= until) {
      this.clock.advance(Math.max(0, this.clock.nextAt - this.clock.now()))
      await promised()
    }
    this.clock.advance(until - this.clock.now())
    await promised()
  }

  /** Announcements of the store reach no node any more. */
  deafen(): void {
    this.#isDeaf = true
  }

  /** Announcements reach the nodes again, which are told that they may have missed some. */
  hearAgain(): void {
    this.#isDeaf = false
    for (const listener of this.#listeners) listener(null)
  }

  /** The next calls of a method of the store fail in this way. */
  fail(method: string, when: Trouble, count = 1): void {
    this.#failure = { method, when, count }
  }

  /** Simulates a killed process: nothing that it had begun continues. */
  kill(index: number): void {
    this.#isDead[index] = true
    this.at(index).halt()
  }

  #node(index: number): ServerNode {
    const { handlers = {}, limits, settings } = this.#options
    const times = { heartbeatMs: 15_000, resumeWindowMs: 120_000, leaseMs: 10_000, ...settings }
    return new ServerNode({
      host: {
        now: () => this.clock.now(),
        elapsedMs: () => this.clock.now(),
        after: (delayMs, run) => this.clock.after(delayMs, run),
        random: () => 0.5,
        randomId: () => this.#randomId(),
        report: (error) => void this.reported.push(error),
      },
      settings: {
        ...times,
        limits: { ...defaultLimits, ...limits },
        tickMs: tickOf(times.heartbeatMs, times.leaseMs, times.resumeWindowMs),
        isAuthenticating: true,
        ...settings,
      },
      handlers: typeof handlers === 'function' ? handlers(index) : handlers,
      topics: this.#port('topics', this.store.topics, index),
      sessions: this.#port('sessions', this.store.sessions, index),
    })
  }

  #port<Port extends object>(half: string, port: Port, index: number): Port {
    if (this.#options.isDirect) return port
    const { storeMs } = this.#options
    const troubled = intercepted(port, async (method, run) => {
      const name = `${half}.${method}`
      this.calls.set(name, (this.calls.get(name) ?? 0) + 1)
      if (storeMs !== undefined) {
        await this.#passed(storeMs / 2)
        const result = await run()
        await this.#passed(storeMs / 2)
        return result
      }
      if (this.#options.isStalled?.(index)) await this.#ofStalled(index)
      const failure = this.#failure
      if (failure?.method !== method || failure.count === 0) return run()
      failure.count -= 1
      if (failure.when === 'conflict') return null
      if (failure.when === 'after') await run()
      throw new Error('The store fails.')
    })
    return mortal(this.#watched(troubled), () => this.#isDead[index] === true)
  }

  /** The port, whose announcements are dropped while the nodes are deaf. */
  #watched<Port extends object>(port: Port): Port {
    const watch = (key: string, listener: (news: unknown) => void): Watch => {
      const begin = Reflect.get(port, 'watch') as (key: string, listener: (news: unknown) => void) => Watch
      const inner = begin(key, (news) => {
        if (this.#isDeaf) return
        if (this.#options.newsMs === undefined) listener(news)
        else this.clock.after(this.#options.newsMs(), () => listener(news))
      })
      this.#listeners.add(listener)
      return {
        ready: inner.ready,
        stop: () => {
          this.#listeners.delete(listener)
          inner.stop()
        },
      }
    }
    return new Proxy(port, { get: (target, name) => (name === 'watch' ? watch : Reflect.get(target, name)) })
  }

  #passed(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve))
  }

  #ofStalled(index: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#options.isStalled?.(index)) this.clock.after(100, look)
        else resolve()
      }
      look()
    })
  }

  #randomId(): string {
    this.#lastId += 1
    return `id${this.#lastId}`
  }
}

/** A port whose calls are answered by `answer`. */
function intercepted<Port extends object>(port: Port, answer: (method: string, run: () => unknown) => Promise<unknown>): Port {
  return new Proxy(port, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function' || name === 'watch' || name === 'now')
        return typeof method === 'function' ? method.bind(target) : method
      return (...parameters: unknown[]) => answer(String(name), () => Reflect.apply(method, target, parameters))
    },
  })
}

/** A port whose calls never settle once the process is dead. */
export function mortal<Port extends object>(port: Port, isDead: () => boolean): Port {
  return new Proxy(port, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      if (name === 'now') return method.bind(target)
      return (...parameters: unknown[]) => {
        if (isDead()) return new Promise(() => {})
        const result: unknown = Reflect.apply(method, target, parameters)
        if (!(result instanceof Promise)) return result
        return new Promise((resolve, reject) => {
          result.then(
            (value) => !isDead() && resolve(value),
            (error) => !isDead() && reject(error),
          )
        })
      }
    },
  })
}
