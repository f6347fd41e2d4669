import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { Preparation, PrepareAttempt, RealtimeOptions } from '../api/options.ts'
import type { Dialect } from '../api/protocol.ts'
import type { Call, Delivery, Listener } from '../api/transport.ts'
import { urlOf } from '../client/lazy-url.ts'
import type { Endpoint, Settings } from '../client/settings.ts'
import { deliver } from '../sending/post-batch.ts'
import { Failure } from '../transports/failure.ts'
import { checkSendable, withQuery } from '../transports/request-url.ts'
import { messageOf, tagOf } from '../util/type-tags.ts'
import { within } from '../util/within.ts'
import type { Attempt } from './attempt.ts'
import { isStopConnecting } from './stop-connecting.ts'

/** Browsers allow six connections to an HTTP/1.1 origin; two stay free for the application. */
const heldPerOrigin = 4
/** If Web Locks have not answered by then whether a slot is free, the request is made without one. */
const claimWithinMs = 1000

/** The callback for messages that cannot be decoded. */
interface UnreadableListener {
  unreadable(error: unknown): void
}

/** Acquires a slot and calls `prepare()` before it calls the transport. */
export class Dialer {
  readonly #host: Host
  readonly #settings: Settings
  readonly #listener: UnreadableListener
  readonly #prepare: RealtimeOptions['prepare']
  readonly #yields: boolean
  /**
   * The pending call of `prepare()`. There is one at a time, since two at once would spend a refresh token twice; after `until`,
   * when its attempt has timed out, the next call no longer waits for it.
   */
  #running: { readonly call: Promise<unknown>; readonly until: number } | null = null

  constructor(host: Host, settings: Settings, prepare: RealtimeOptions['prepare'], listener: UnreadableListener) {
    this.#host = host
    this.#settings = settings
    this.#listener = listener
    this.#prepare = prepare
    this.#yields = settings.endpoints.some(({ transport }) => transport.isPolling && !transport.isHeld)
  }

  /** Dials; calls `onPrepared` just before the transport's `dial()`. Throws a `Failure` if it does not get that far. */
  async dial(
    attempt: Attempt,
    about: Omit<PrepareAttempt, 'signal' | 'transport'>,
    cursor: () => string | null,
    onPrepared: () => void,
    listener: Listener,
  ): Promise<void> {
    const { endpoint, controller } = attempt
    const { signal } = controller
    const admission = this.#settings.mode.admit?.()
    if (admission) await admission
    if (endpoint.transport.isHeld && this.#yields) await this.#claim(endpoint, signal)
    if (this.#prepare)
      attempt.preparation = (await this.#prepared({ ...about, transport: endpoint.transport.type, signal })) ?? {}
    if (signal.aborted) return
    const call = this.#call(attempt, cursor)
    attempt.url = call.url
    attempt.call = call
    onPrepared()
    attempt.link = endpoint.transport.dial(call, listener)
  }

  /** Writes the greeting from `prepare()` before anything else; returns `undefined` if there is nothing to wait for. */
  greet({ link, preparation: { greeting }, controller: { signal } }: Attempt): Promise<Delivery | undefined> | undefined {
    const greeted = link && greeting !== undefined && deliver(link, greeting, signal)
    return greeted ? within(greeted, this.#settings.connectTimeoutMs, this.#host, late, signal) : undefined
  }

  /** Calls `prepare()` for fresh credentials for an open connection. */
  async renew({ endpoint, controller: { signal } }: Attempt): Promise<unknown> {
    if (!this.#prepare) return undefined
    return (await this.#prepared({ attempt: 0, isRefresh: true, transport: endpoint.transport.type, signal }))?.auth
  }

  async #claim({ url }: Endpoint, signal: AbortSignal): Promise<void> {
    const slots = Array.from({ length: heldPerOrigin }, (_, index) => `steadfast:${url.get().origin}:${index}`)
    const claiming = this.#host.claim(slots)
    // The lock may be granted after the wait has timed out.
    const giveBack = () => void claiming.then((release) => release?.(), nothing)
    const release = await within(claiming, claimWithinMs, this.#host, () => nothing, signal)
    if (release === null) throw new Failure({ kind: 'crowded' })
    if (signal.aborted) giveBack()
    else signal.addEventListener('abort', giveBack, { once: true })
  }

  /** Calls `prepare()` after any earlier call, even for a given-up attempt, has settled; `undefined` if this one is given up. */
  async #prepared(attempt: PrepareAttempt): Promise<Preparation | undefined> {
    const { signal } = attempt
    const host = this.#host
    const { connectTimeoutMs } = this.#settings
    for (let other = this.#running; other && host.now() < other.until && !signal.aborted; other = this.#running)
      await within(other.call.catch(nothing), other.until - host.now(), host, nothing, signal)
    if (signal.aborted) return undefined
    const call = (async () => this.#prepare?.(attempt))()
    const running = { call, until: host.now() + connectTimeoutMs }
    this.#running = running
    const ended = () => {
      if (this.#running === running) this.#running = null
    }
    call.then(ended, ended)
    try {
      return await within(call, connectTimeoutMs, host, () => fail(unsettled(connectTimeoutMs)), signal)
    } catch (error) {
      if (error instanceof Failure) throw error
      rethrowStop(error)
      throw new Failure({ kind: 'unprepared', detail: `prepare() threw: ${messageOf(error)}`, isMistake: false })
    }
  }

  #call({ id, name, endpoint, preparation, controller }: Attempt, cursor: () => string | null): Call {
    const { url, query, headers = {}, subprotocols = endpoint.subprotocols, greeting, auth } = preparation
    checkSendable(preparation, 'prepare()')
    const { mode, credentials } = this.#settings
    const wrong = mode.mistakeIn(preparation)
    if (wrong) throw mistake(`prepare() returned ${wrong}`)
    if (
      endpoint.transport.type === 'websocket' &&
      Object.keys(headers).length &&
      !url &&
      !query &&
      !preparation.subprotocols &&
      greeting === undefined
    ) {
      throw mistake(
        'prepare() returned headers, which a browser cannot send with a WebSocket: return query, subprotocols or a greeting when transport is websocket',
      )
    }
    try {
      const configured = endpoint.url.get()
      const dialled = url === undefined ? configured : urlOf('prepare().url', url, configured.href)
      return {
        url: withQuery(dialled, query),
        sendUrl: withQuery(endpoint.sendUrl === endpoint.url ? dialled : endpoint.sendUrl.get(), query),
        sendBatch: endpoint.sendBatch,
        headers,
        subprotocols,
        id,
        attempt: name,
        auth,
        credentials,
        protocol: guarded(called('dialect', isPromise, () => mode.protocol.dialect?.(cursor)) ?? mode.protocol, this.#listener),
        cursor,
        host: this.#host,
        signal: controller.signal,
      }
    } catch (error) {
      throw error instanceof Failure ? error : mistake(messageOf(error))
    }
  }
}

type Readings = { readonly [Name in keyof Required<Dialect>]: ReturnType<Required<Dialect>[Name]> }

/** Wraps a protocol so that what its functions throw, or return by mistake, is reported as such and not as a broken connection. */
function guarded(protocol: Dialect, listener: UnreadableListener): Dialect {
  const guard =
    <Name extends 'readHead' | 'readFrame' | 'readEvent' | 'readAnswer'>(name: Name, nothing: Readings[Name]) =>
    (given: Parameters<Required<Dialect>[Name]>[0]): Readings[Name] => {
      try {
        const read = (protocol[name]?.(given as never) as typeof nothing | undefined) ?? nothing
        const list: unknown = name === 'readAnswer' ? (read as Readings['readAnswer']).messages : read
        // A list is required, since an iterator may throw when the transport runs it.
        if (Array.isArray(list) && list.every((each) => Object(each) === each)) return read
        ignore(list)
        throw new TypeError(`the protocol's ${name}() returned no list of messages`)
      } catch (error) {
        rethrowStop(error)
        listener.unreadable(error)
        return nothing
      }
    }
  return {
    ask: (question) => called('ask', isPromise, () => protocol.ask(question)) || {},
    readHead: guard('readHead', []),
    readFrame: guard('readFrame', []),
    readEvent: guard('readEvent', []),
    readAnswer: guard('readAnswer', { messages: [] }),
    body: (message) => called('body', /^(Promise|Object)$/, () => protocol.body?.(message)),
  }
}

const isPromise = /^Promise$/

/** A promise returned by mistake has been reported as one: its rejection is not to appear as unhandled besides. */
function ignore(result: unknown): void {
  Promise.resolve(result).catch(nothing)
}

/** @throws Failure for what a function of the protocol throws, and for a result of a wrong type */
function called<Result>(name: string, wrong: RegExp, run: () => Result): Result {
  try {
    const result = run()
    const type = tagOf(result)
    if (wrong.test(type)) {
      ignore(result)
      throw new TypeError(`its result is of type ${type}`)
    }
    return result
  } catch (error) {
    rethrowStop(error)
    throw mistake(`the protocol's ${name}() failed: ${messageOf(error)}`)
  }
}

/** @throws Failure if the application or its protocol threw a `StopConnecting` */
function rethrowStop(error: unknown): void {
  if (isStopConnecting(error)) throw new Failure({ kind: 'stopped', reason: error.message })
}

function nothing(): void {}

function late(): Delivery {
  return { outcome: 'unconfirmed', report: { kind: 'timeout' } }
}

function mistake(detail: string): Failure {
  return new Failure({ kind: 'unprepared', detail, isMistake: true })
}

/** Returns the report for a `prepare()` that did not settle in time. */
export function unsettled(ms: number): Report {
  return { kind: 'unprepared', detail: `prepare() did not settle within ${ms} ms`, isMistake: false }
}

function fail(report: Report): never {
  throw new Failure(report)
}
