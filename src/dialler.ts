import type { Host } from './host/host.ts'
import type { Preparation, PrepareAttempt, RealtimeOptions } from './options.ts'
import type { Protocol } from './protocols/protocol.ts'
import { type Settings, urlOf, type Way } from './settings.ts'
import { Failure } from './transports/failure.ts'
import type { Call, Link, Listener } from './transports/transport.ts'

/** Browsers allow six connections to an HTTP/1.1 origin; two stay free for the application. */
const heldPerOrigin = 4

/** One dial with all that belongs to it. Aborting the controller ends everything of it. */
export interface Attempt {
  readonly id: number
  /** A random name for it, for servers that keep a ledger of attempts. */
  readonly name: string
  readonly way: Way
  /** Where it leads; `prepare()` may have changed that. */
  url: URL
  readonly controller: AbortController
  readonly since: number
  preparation: Preparation
  link: Link | null
  /** Whether anything came, if only a part of something. */
  hasHeard: boolean
  openedAt: number | null
  /** Cursors of messages that came over another attempt while this one was on its way: it will bring them once more. */
  delivered: Set<string> | null
}

/** Who is told of messages that cannot be read. */
interface Reader {
  unreadable(error: unknown): void
}

/** Asks for slots and for `prepare()`, so that a transport is only given what is ready to be dialled. */
export class Dialler {
  readonly #host: Host
  readonly #settings: Settings
  readonly #protocol: Protocol
  readonly #prepare: RealtimeOptions['prepare']
  readonly #yields: boolean
  /** One call of `prepare()` at a time: two at once would spend a refresh token twice. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(host: Host, settings: Settings, prepare: RealtimeOptions['prepare'], reader: Reader) {
    this.#host = host
    this.#settings = settings
    this.#protocol = settings.isOwnProtocol ? guarded(settings.protocol, reader) : settings.protocol
    this.#prepare = prepare
    this.#yields = settings.ways.some(({ transport }) => transport.isAsking && !transport.isHeld)
  }

  /** Dials; `onPrepared` is called when the transport is told to. Throws a `Failure` when it does not come to that. */
  async dial(
    attempt: Attempt,
    about: Omit<PrepareAttempt, 'signal' | 'transport'>,
    cursor: () => string | null,
    onPrepared: () => void,
    listener: Listener,
  ): Promise<void> {
    const { way, controller } = attempt
    const { signal } = controller
    if (way.transport.isHeld && this.#yields) await this.#claim(way, signal)
    if (this.#prepare) attempt.preparation = (await this.#prepared({ ...about, transport: way.transport.type, signal })) ?? {}
    if (signal.aborted) return
    const call = this.#call(attempt, cursor)
    attempt.url = call.url
    onPrepared()
    attempt.link = way.transport.dial(call, listener)
  }

  /** Asks `prepare()` for fresh credentials for a connection that is open. */
  async renew({ way, controller: { signal } }: Attempt): Promise<unknown> {
    if (!this.#prepare) return undefined
    return (await this.#prepared({ attempt: 0, isRefresh: true, transport: way.transport.type, signal }))?.auth
  }

  async #claim({ url }: Way, signal: AbortSignal): Promise<void> {
    const slots = Array.from({ length: heldPerOrigin }, (_, index) => `steadfast:${url.origin}:${index}`)
    const release = await this.#host.claim(slots)
    if (!release) throw new Failure({ kind: 'crowded' })
    if (signal.aborted) release()
    else signal.addEventListener('abort', release, { once: true })
  }

  /** Waits for the call before to end, also where nobody waits for that one any more. */
  async #prepared(attempt: PrepareAttempt): Promise<Preparation | undefined> {
    const turn = this.#turn
    const stop = aborted(attempt.signal)
    const call = async () => {
      await Promise.race([turn, stop])
      return attempt.signal.aborted ? undefined : this.#prepare?.(attempt)
    }
    const calling = call()
    this.#turn = Promise.all([turn, calling.catch(nothing)])
    try {
      return await Promise.race([calling, stop])
    } catch (error) {
      throw new Failure({ kind: 'unprepared', detail: `prepare() threw: ${messageOf(error)}`, isMistake: false })
    }
  }

  #call({ id, name, way, preparation, controller }: Attempt, cursor: () => string | null): Call {
    const { url, query, headers = {}, subprotocols = way.subprotocols, greeting, auth } = preparation
    const isSession = !!this.#settings.session
    if (isSession && (greeting !== undefined || Object.keys(headers).length))
      throw mistake(
        "prepare() returned headers or a greeting, which a session has no use for: return auth, which its server's authenticate() is given",
      )
    if (
      way.transport.type === 'websocket' &&
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
    if (!isSession && auth !== undefined)
      throw mistake(
        "prepare() returned auth, which only a session has: set protocol to 'session', or return query, headers or a greeting",
      )
    try {
      return {
        url: withQuery(url === undefined ? way.url : urlOf('prepare().url', url, way.url.href), query),
        sendUrl: withQuery(
          way.sendUrl === way.url && url !== undefined ? urlOf('prepare().url', url, way.url.href) : way.sendUrl,
          query,
        ),
        headers,
        subprotocols,
        id,
        attempt: name,
        auth,
        credentials: this.#settings.credentials,
        protocol: this.#protocol,
        cursor,
        host: this.#host,
        signal: controller.signal,
      }
    } catch (error) {
      throw mistake(messageOf(error))
    }
  }
}

/** A protocol of the application's own may throw on what it reads: that must cost the message, not the connection. */
function guarded(protocol: Protocol, reader: Reader): Protocol {
  const guard =
    <Given, Read>(read: (given: Given) => Read, nothing: Read) =>
    (given: Given): Read => {
      try {
        return read(given)
      } catch (error) {
        reader.unreadable(error)
        return nothing
      }
    }
  return {
    name: protocol.name,
    resumes: (transport) => protocol.resumes(transport),
    ask: (question) => protocol.ask(question),
    readFrame: guard((frame) => protocol.readFrame(frame), []),
    readEvent: guard((event) => protocol.readEvent(event), []),
    readAnswer: guard((answer) => protocol.readAnswer(answer), { messages: [] }),
  }
}

function nothing(): void {}

function mistake(detail: string): Failure {
  return new Failure({ kind: 'unprepared', detail, isMistake: true })
}

function withQuery(url: URL, query: Preparation['query'] = {}): URL {
  const whole = new URL(url)
  for (const [name, value] of Object.entries(query)) whole.searchParams.set(name, value)
  return whole
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }))
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
