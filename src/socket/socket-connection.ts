import type { Evidence } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { RealtimeOptions } from '../api/options.ts'
import type { Payload } from '../api/protocol.ts'
import type { Writable } from '../api/transport.ts'
import type { Diagnosis } from '../diagnosis/diagnose.ts'
import { diagnosis } from '../diagnosis/index.ts'
import { type EventDetails, RealtimeClient } from '../index.ts'
import type { SessionState } from '../session/session-state.ts'
import { bytesOf } from '../util/bytes-of.ts'
import type { CloseArguments } from './arguments.ts'
import { socketProtocol } from './socket-session.ts'

/** How a socket ended. */
export interface SocketEnd {
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
  /** Why; `null` if the application closed it, on either side. */
  readonly diagnosis: Diagnosis | null
}

/** The events of a connection for its socket. Nothing follows `ended`. */
export interface SocketListener {
  opened(protocol: string): void
  received(data: Payload): void
  ended(end: SocketEnd): void
}

export interface SocketTarget {
  readonly url: URL
  /** The offered subprotocols. */
  readonly protocols: readonly string[]
  readonly options: RealtimeOptions
  readonly host: Host
}

/** The longest pause requested by a server that is respected, in milliseconds: no node of steadfast asks for more (rule 18). */
const longestPauseMs = 30_000

/**
 * The connection of a socket, which ends once and for good. It reconnects over any transport for as long as its session lasts,
 * and ends when the session ends, is lost, or has a gap.
 */
export class SocketConnection {
  readonly #target: SocketTarget
  readonly #listener: SocketListener
  readonly #client: RealtimeClient
  #session: SessionState | null = null
  #phase: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting'
  /** The last failure. */
  #diagnosis: Diagnosis | null = null
  /** The sizes of the messages that were unacknowledged when bufferedBytes was last read, and the number of the first of them. */
  #sizes: number[] = []
  #first = 1
  #bufferedBytes = 0
  #cancelLoss = () => {}
  readonly #stopListening: () => void

  constructor(target: SocketTarget, listener: SocketListener) {
    const { url, protocols, options, host } = target
    this.#target = target
    this.#listener = listener
    this.#client = new RealtimeClient(url, {
      ...options,
      autoConnect: false,
      protocol: socketProtocol(protocols, (session) => {
        this.#session = session
      }),
    })
    this.#client.on('open', (event) => this.#opened(event.resumed))
    this.#client.on('message', ({ data }) => {
      if (this.#phase === 'open') listener.received(data)
    })
    this.#client.on('error', (event) => this.#failed(event))
    this.#client.on('close', (event) => this.#lost(event))
    this.#client.on('gap', () => this.#fail(this.#diagnosisOf({ kind: 'forgotten' })))
    // The platform closes the WebSockets of a page that is unloaded in the same way (HTML, "unloading documents").
    this.#stopListening = host.listen((signal) => {
      if (signal.type === 'leaving' && signal.persisted === false) this.close({ code: undefined, reason: '' })
    })
    // A socket that is closed in the task that created it never dials.
    Promise.resolve()
      .then(() => this.#phase === 'connecting' && this.#client.connect())
      .catch((error) => host.report(error))
  }

  /** The bytes that were sent and that the server has not acknowledged. */
  get bufferedBytes(): number {
    if (this.#phase !== 'closed' && this.#session) {
      const { first } = this.#session.sent
      for (const bytes of this.#sizes.splice(0, first - this.#first)) this.#bufferedBytes -= bytes
      this.#first = Math.max(this.#first, first)
    }
    return this.#bufferedBytes
  }

  send(data: Writable): void {
    const bytes = bytesOf(data)
    if (this.#phase === 'open') {
      // The getter first drops the messages acknowledged by now.
      this.#bufferedBytes = this.bufferedBytes + bytes
      this.#sizes.push(bytes)
      try {
        this.#client.send(data)
      } catch {
        // A WebSocket has no error for a full queue, so it ends.
        this.#fail(this.#diagnosisOf({ kind: 'overflow' }))
      }
    } else this.#bufferedBytes += bytes
  }

  /** Ends the connection and its session. Before the socket is open, that is a failure. */
  close({ code, reason: given }: CloseArguments): void {
    // A Close frame without a code has no reason.
    const reason = code === undefined ? '' : given
    if (this.#phase === 'connecting') this.#fail(null)
    if (this.#phase !== 'open') return
    this.#phase = 'closing'
    this.#cancelLoss()
    this.#client
      .close(code, reason)
      .then(({ unsent, unconfirmed }) => {
        const lost = [...unsent, ...unconfirmed].map((data) => bytesOf(data as Writable))
        const isClean = lost.length === 0
        const sentMeanwhile = this.#bufferedBytes - this.#sizes.reduce((sum, bytes) => sum + bytes, 0)
        this.#bufferedBytes = lost.reduce((sum, bytes) => sum + bytes, sentMeanwhile)
        this.#end(isClean ? { code: code ?? 1005, reason, wasClean: true, diagnosis: null } : unclean(this.#diagnosis))
      })
      .catch((error) => this.#target.host.report(error))
  }

  #opened(isResumed: boolean): void {
    this.#cancelLoss()
    if (this.#phase === 'open' && !isResumed) this.#fail(this.#diagnosisOf({ kind: 'forgotten' }))
    if (this.#phase !== 'connecting') return
    const { protocols } = this.#target
    const chosen: unknown = this.#session?.opened?.protocol ?? ''
    if (typeof chosen !== 'string' || (protocols.length > 0 ? !protocols.includes(chosen) : chosen)) {
      this.#fail(this.#diagnosisOf({ kind: 'mismatch', detail: 'it has chosen none of the subprotocols offered' }))
      return
    }
    this.#phase = 'open'
    this.#listener.opened(chosen)
  }

  #failed({ scope, diagnosis, retry, undelivered }: EventDetails['error']): void {
    this.#diagnosis = diagnosis
    if (this.#hasClosed(diagnosis)) return
    // An undelivered message leaves a gap.
    if (scope === 'message' && undelivered) this.#fail(diagnosis)
    const { retryAfterMs = 0 } = diagnosis.evidence
    // Retrying is up to the socket's user, except for a pause that the server requests in order to spread its clients.
    const isAsked = retryAfterMs > 0 && retryAfterMs <= longestPauseMs
    if (scope === 'connection' && this.#phase === 'connecting' && retry && !isAsked) this.#fail(diagnosis)
  }

  #lost({ final, diagnosis }: EventDetails['close']): void {
    this.#diagnosis = diagnosis
    if (!this.#isLive || (diagnosis && this.#hasClosed(diagnosis))) return
    if (final) this.#fail(diagnosis)
    else if (this.#phase === 'open') {
      // The server keeps the session no longer than this.
      const { resumeWindowMs = 0 } = this.#session?.opened ?? {}
      this.#cancelLoss()
      this.#cancelLoss = this.#target.host.after(resumeWindowMs, () => this.#fail(this.#diagnosis))
    }
  }

  /** Ends the socket if the server's application has closed it, and returns whether it has. */
  #hasClosed({ evidence }: Diagnosis): boolean {
    const code = evidence.kind === 'closed' && evidence.application
    if (!code || !this.#isLive) return false
    const { bufferedBytes } = this
    this.#bufferedBytes = bufferedBytes
    this.#end({ code, reason: evidence.reason, wasClean: true, diagnosis: null })
    this.#leave('')
    return true
  }

  get #isLive(): boolean {
    return this.#phase === 'connecting' || this.#phase === 'open'
  }

  #fail(diagnosis: Diagnosis | null): void {
    if (!this.#isLive) return
    this.#bufferedBytes = this.bufferedBytes
    this.#phase = 'closed'
    this.#stopListening()
    this.#leave('the socket has failed')
    // In a separate task, since `close()` and `send()` may be on the stack.
    this.#cancelLoss()
    this.#target.host.after(0, () => this.#listener.ended(unclean(diagnosis)))
  }

  #leave(reason: string): void {
    this.#client.close(1000, reason).catch((error) => this.#target.host.report(error))
  }

  #end(end: SocketEnd): void {
    this.#phase = 'closed'
    this.#stopListening()
    this.#cancelLoss()
    this.#listener.ended(end)
  }

  /** The diagnosis of failures that only a socket knows, since a session goes on where a socket ends. */
  #diagnosisOf(
    finding: { readonly kind: 'forgotten' | 'overflow' } | { readonly kind: 'mismatch'; readonly detail: string },
  ): Diagnosis {
    const { options, host } = this.#target
    const { state } = this.#client
    const transport = state.status === 'open' ? state.transport : ''
    const evidence: Evidence = {
      ...finding,
      transport,
      phase: 'open',
      elapsedMs: 0,
      isOnline: host.isOnline(),
      isSession: true,
    }
    return (options.diagnosis ?? diagnosis).diagnose(evidence, options.causes)
  }
}

function unclean(diagnosis: Diagnosis | null): SocketEnd {
  return { code: 1006, reason: '', wasClean: false, diagnosis }
}
