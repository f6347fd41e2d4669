import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { Call, Link, Listener } from '../api/transport.ts'
import { plainProtocol } from '../protocols/plain.ts'
import { lastWriteMs } from '../sending/final-flush.ts'
import { Failure } from '../transports/failure.ts'
import { within } from '../util/within.ts'
import { base64url } from '../wire/base64.ts'
import { askInfo, callTo, type Info } from './info.ts'
import { dialHttp, type Receiving } from './over-http.ts'
import { dialWebsocket } from './over-websocket.ts'
import { PostQueue } from './post-queue.ts'
import type { SockJSSettings, SockJSTransport } from './sockjs-options.ts'

/** The timeout of `/info`, in milliseconds, as in sockjs-client. */
const infoWithinMs = 8000

/** How a `SockJS` ended. */
export interface SockJSEnd {
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
}

/** The events of a connection for its `SockJS`. Nothing follows `ended`. */
export interface LadderListener {
  opened(transport: SockJSTransport): void
  received(text: string): void
  heartbeat(): void
  ended(end: SockJSEnd): void
}

const receivings: Readonly<Record<Exclude<SockJSTransport, 'websocket'>, Receiving>> = {
  'xhr-streaming': 'xhr_streaming',
  eventsource: 'eventsource',
  'xhr-polling': 'xhr',
}

/** One connection: `/info`, then one transport after the other until one opens, until the connection ends. */
export class Ladder {
  readonly #url: URL
  readonly #settings: SockJSSettings
  readonly #host: Host
  readonly #listener: LadderListener
  readonly #left: SockJSTransport[]
  #phase: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting'
  #dials = 0
  /** Aborts the current dial, or the connection. */
  #controller = new AbortController()
  #link: Link | null = null
  #queue: PostQueue | null = null
  #cancelTimer = () => {}

  constructor(url: URL, settings: SockJSSettings, host: Host, listener: LadderListener) {
    this.#url = url
    this.#settings = settings
    this.#host = host
    this.#listener = listener
    this.#left = [...settings.transports]
    // A SockJS that is closed in the task that created it never dials.
    this.#cancelTimer = host.after(0, () => void this.#start().catch((error) => host.report(error)))
  }

  /** Sends a text on the open connection. */
  send(text: string): void {
    if (this.#phase !== 'open') return
    if (this.#queue) this.#queue.send(text)
    else this.#link?.write(text, this.#controller.signal)?.catch(() => {})
  }

  /** Closes after the queued texts were sent, at most 5 s later: the server ends the session once nothing receives any more. */
  close(code: number, reason: string): void {
    if (this.#phase !== 'connecting' && this.#phase !== 'open') return
    this.#phase = 'closing'
    this.#cancelTimer()
    const end = () => this.#end({ code, reason, wasClean: true })
    // In a later task than `close()`, since the application may add its listeners after the call.
    const later = () => void this.#host.after(0, end)
    if (this.#queue && !this.#queue.isIdle) this.#queue.finish(lastWriteMs, end)
    else {
      this.#link?.close(code, reason)
      later()
    }
  }

  async #start(): Promise<void> {
    const call = this.#call()
    let info: Info
    try {
      const asked = await within(
        askInfo(call, call.signal),
        infoWithinMs,
        this.#host,
        () => {
          throw new Failure({ kind: 'timeout' })
        },
        call.signal,
      )
      if (!asked) return
      info = asked
    } catch {
      call.signal.aborted || this.#end({ code: 1002, reason: 'Cannot connect to server', wasClean: false })
      return
    }
    if (this.#phase === 'connecting') this.#next(info)
  }

  #next(info: Info): void {
    this.#controller.abort()
    this.#cancelTimer()
    const name = this.#left.shift()
    if (!name) {
      this.#end({ code: 2000, reason: 'All transports failed', wasClean: false })
      return
    }
    if (name === 'websocket' && !(info.hasWebSocket && this.#host.WebSocket)) {
      this.#next(info)
      return
    }
    this.#controller = new AbortController()
    const { timeoutMs } = this.#settings
    // Two round trips: one for the connection or a preflight, one for the response.
    const limitMs = Math.max(timeoutMs, 2 * limitFor(info.roundTripMs))
    this.#cancelTimer = this.#host.after(limitMs, () => this.#next(info))
    this.#dial(name, info)
  }

  #dial(name: SockJSTransport, info: Info): void {
    const call = callTo(this.#call(), info)
    const { signal } = call
    const fail = (report: Report) => {
      if (!signal.aborted) this.#failed(report, info)
    }
    const listener: Listener = {
      opened: () => {
        if (this.#phase !== 'connecting') return
        this.#cancelTimer()
        this.#phase = 'open'
        this.#listener.opened(name)
      },
      heard: (isBeat) => {
        if (isBeat && this.#phase === 'open') this.#listener.heartbeat()
      },
      received: ({ data }) => {
        if (this.#phase === 'open') this.#listener.received(String(data))
      },
      moved() {},
      failed: fail,
    }
    const session = this.#settings.session()
    if (name === 'websocket') this.#link = dialWebsocket(call, info.service, session, listener)
    else {
      // Not every server sends heartbeats: Spring stops them if STOMP has its own.
      const link = dialHttp(call, info.service, session, listener, receivings[name], Infinity)
      this.#link = link
      this.#queue = new PostQueue(link, this.#host, fail)
    }
  }

  #failed(report: Report, info: Info): void {
    const end = endOf(report)
    if (this.#phase === 'connecting' && !isOfServer(end)) {
      this.#queue = null
      this.#next(info)
    } else if (this.#phase === 'connecting' || this.#phase === 'open') this.#end(end)
  }

  #end(end: SockJSEnd): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#cancelTimer()
    this.#controller.abort()
    this.#queue?.stop()
    this.#listener.ended(end)
  }

  #call(): Call {
    const url = this.#url
    const host = this.#host
    this.#dials += 1
    return {
      url,
      sendUrl: url,
      headers: {},
      subprotocols: [],
      id: this.#dials,
      host,
      protocol: plainProtocol(),
      attempt: base64url(host.randomBytes(9)),
      credentials: this.#settings.credentials,
      cursor: () => null,
      signal: this.#controller.signal,
    }
  }
}

/** The limit of one round trip, in milliseconds, computed as in sockjs-client. */
function limitFor(roundTripMs: number): number {
  return roundTripMs > 100 ? 4 * roundTripMs : 300 + roundTripMs
}

/** Whether the server has refused the session, on any transport. */
function isOfServer({ code, wasClean }: SockJSEnd): boolean {
  return wasClean && (code === 1000 || (code >= 3000 && code <= 4999))
}

function endOf(report: Report): SockJSEnd {
  switch (report.kind) {
    case 'closed': {
      const { code, reason, wasClean } = report
      return { code, reason, wasClean }
    }
    case 'answered':
      return { code: 1006, reason: `HTTP status ${report.status}`, wasClean: false }
    case 'mismatch':
      return { code: 1006, reason: report.detail, wasClean: false }
    default:
      return { code: 1006, reason: 'Connection lost', wasClean: false }
  }
}
