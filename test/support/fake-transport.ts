import type { Report } from '../../src/api/evidence.ts'
import type { Received } from '../../src/api/protocol.ts'
import type { Call, Link, Listener, Transport } from '../../src/api/transport.ts'
import { FakePostLink, FakeSocketLink } from './fake-link.ts'

/** One dial of a fake transport, whose server is the test. */
export class FakeDial {
  readonly call: Call
  readonly link: FakeSocketLink | FakePostLink
  readonly #listener: Listener

  constructor(call: Call, listener: Listener, link: FakeSocketLink | FakePostLink) {
    this.call = call
    this.#listener = listener
    this.link = link
  }

  get isHungUp(): boolean {
    return this.call.signal.aborted
  }

  open(roundTripMs?: number): void {
    this.#say(() => this.#listener.opened(roundTripMs))
  }

  hear(): void {
    this.#say(() => this.#listener.heard())
  }

  receive(data: string, more: Omit<Received, 'data'> = {}): void {
    this.#say(() => {
      this.#listener.heard()
      this.#listener.received({ data, ...more })
    })
  }

  move(cursor: string): void {
    this.#say(() => this.#listener.moved(cursor))
  }

  fail(report: Report): void {
    this.#say(() => this.#listener.failed(report))
  }

  /** Runs this after a delay, unless the client has hung up by then. */
  later(ms: number, run: () => void): void {
    const cancel = this.call.host.after(ms, run)
    this.call.signal.addEventListener('abort', cancel, { once: true })
  }

  /** A transport reports nothing once its signal is aborted. */
  #say(run: () => void): void {
    if (!this.isHungUp) run()
  }
}

/** What a server does with a dial. */
export type Behaviour = (dial: FakeDial) => void

export const closed = (code: number): Report => ({ kind: 'closed', code, reason: '', wasClean: code !== 1006 })

/** Never answers. */
export const stalls = (): Behaviour => () => {}
export const opens =
  (afterMs = 10): Behaviour =>
  (dial) =>
    dial.later(afterMs, () => dial.open())
/** Refuses the dial before it opens: by a close code, or by an HTTP status if below 1000. */
export const refuses =
  (code: number, { afterMs = 10, retryAfterMs = 0 } = {}): Behaviour =>
  (dial) => {
    const report: Report = code < 1000 ? { kind: 'answered', status: code, contentType: '' } : closed(code)
    dial.later(afterMs, () => dial.fail({ ...report, ...(retryAfterMs && { retryAfterMs }) }))
  }
export const opensThenDrops =
  (code: number, afterMs: number): Behaviour =>
  (dial) => {
    opens()(dial)
    dial.later(10 + afterMs, () => dial.fail(closed(code)))
  }
/** One behaviour per dial; the last applies to all further dials. */
export function sequence(...behaviours: readonly Behaviour[]): Behaviour {
  let dials = 0
  return (dial) => {
    behaviours[Math.min(dials, behaviours.length - 1)]?.(dial)
    dials += 1
  }
}

const traits: Readonly<Record<string, Partial<Transport>>> = {
  websocket: { canPing: true },
  sse: { isHeld: true, isProvenByHearing: true },
  'long-poll': { isHeld: true, isProvenByHearing: true, isPolling: true },
  poll: { isPolling: true },
}

/** A transport without a network. */
export class FakeTransport implements Transport {
  readonly type: string
  readonly dials: FakeDial[] = []
  readonly isHeld: boolean
  readonly isProvenByHearing: boolean
  readonly isPolling: boolean
  readonly canPing: boolean
  readonly #behaviour: Behaviour

  constructor(type: string, behaviour: Behaviour) {
    const { isHeld = false, isProvenByHearing = false, isPolling = false, canPing = false } = traits[type] ?? {}
    this.type = type
    this.isHeld = isHeld
    this.isProvenByHearing = isProvenByHearing
    this.isPolling = isPolling
    this.canPing = canPing
    this.#behaviour = behaviour
  }

  get last(): FakeDial {
    const dial = this.dials.at(-1)
    if (!dial) throw new Error(`${this.type} was never dialled.`)
    return dial
  }

  dial(call: Call, listener: Listener): Link {
    const dial = new FakeDial(call, listener, this.type === 'websocket' ? new FakeSocketLink() : new FakePostLink())
    this.dials.push(dial)
    this.#behaviour(dial)
    return dial.link
  }
}
