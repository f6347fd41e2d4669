import type { Evidence } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { RealtimeOptions } from '../api/options.ts'
import type { Payload } from '../api/protocol.ts'
import type { Writable } from '../api/transport.ts'
import type { Diagnosis } from '../diagnosis/diagnose.ts'
import { diagnosis } from '../diagnosis/index.ts'
import { type EventDetails, RealtimeClient } from '../index.ts'
import { bytesOf } from '../sending/plain-sender.ts'
import type { SessionState } from '../session/session-state.ts'
import type { CloseArguments } from './arguments.ts'
import { socketProtocol } from './socket-session.ts'

/** How a socket ended. */
export interface SocketEnd {
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
  /** Why; `null` where the application closed it, on either side. */
  readonly diagnosis: Diagnosis | null
}

/** What a connection tells its socket. Nothing follows `ended`. */
export interface SocketListener {
  opened(protocol: string): void
  received(data: Payload): void
  ended(end: SocketEnd): void
}

export interface SocketTarget {
  readonly url: URL
  /** The subprotocols that are offered. */
  readonly protocols: readonly string[]
  readonly options: RealtimeOptions
  readonly host: Host
}

/** A server that asks for a longer pause is not waited for: no node of steadfast asks for more (rule 18), in milliseconds. */
const longestPauseMs = 30_000

/**
 * One connection of a client that ends once and for good: it comes back over whatever transport for as long as its session lasts, and
 * ends when the session does, is lost, or has a hole.
 */
export class SocketConnection {
  readonly #target: SocketTarget
  readonly #listener: SocketListener
  readonly #client: RealtimeClient
  #session: SessionState | null = null
  #phase: 'connecting' | 'open' | 'closing' | 'over' = 'connecting'
  /** The last failure. */
  #diagnosis: Diagnosis | null = null
  /** The sizes of the messages that the server has not settled, as far as has been looked, and the number of the first of them. */
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
    // As the platform closes the WebSockets of a page that is unloaded (HTML, "unloading documents").
    this.#stopListening = host.listen((signal) => {
      if (signal.type === 'leaving' && signal.persisted === false) this.close({ code: undefined, reason: '' })
    })
    // A socket that is closed in the task that made it never dials.
    Promise.resolve()
      .then(() => this.#phase === 'connecting' && this.#client.connect())
      .catch((error) => host.report(error))
  }

  /** Bytes that were sent and that the server has not settled. */
  get bufferedBytes(): number {
    if (this.#phase !== 'over' && this.#session) {
      const { first } = this.#session.sent
      for (const bytes of this.#sizes.splice(0, first - this.#first)) this.#bufferedBytes -= bytes
      this.#first = Math.max(this.#first, first)
    }
    return this.#bufferedBytes
  }

  send(data: Writable): void {
    const bytes = bytesOf(data)
    if (this.#phase === 'open') {
      // Before it grows: what is settled by now is dropped from the list.
      this.#bufferedBytes = this.bufferedBytes + bytes
      this.#sizes.push(bytes)
      try {
        this.#client.send(data)
      } catch {
        // A socket never says that it takes no more: it ends.
        this.#fail(this.#diagnosisOf({ kind: 'overflow' }))
      }
    } else this.#bufferedBytes += bytes
  }

  /** Ends the connection, and the session with it. Before it is open that is a failure. */
  close({ code, reason }: CloseArguments): void {
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
    // A message that cannot be delivered leaves a hole.
    if (scope === 'message' && undelivered) this.#fail(diagnosis)
    const { retryAfterMs = 0 } = diagnosis.evidence
    // Who makes a socket has a policy of its own for trying again, but a server that spreads its clients is believed.
    const isAsked = retryAfterMs > 0 && retryAfterMs <= longestPauseMs
    if (scope === 'connection' && this.#phase === 'connecting' && retry && !isAsked) this.#fail(diagnosis)
  }

  #lost({ final, diagnosis }: EventDetails['close']): void {
    this.#diagnosis = diagnosis
    if (!this.#isLive || (diagnosis && this.#hasClosed(diagnosis))) return
    if (final) this.#fail(diagnosis)
    else if (this.#phase === 'open') {
      // For longer than that its server keeps no session.
      const { resumeWindowMs = 0 } = this.#session?.opened ?? {}
      this.#cancelLoss()
      this.#cancelLoss = this.#target.host.after(resumeWindowMs, () => this.#fail(this.#diagnosis))
    }
  }

  /** Whether the server's application has closed the socket, and it has ended with that. */
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
    this.#phase = 'over'
    this.#stopListening()
    this.#leave('the socket has failed')
    // In a task of its own, since `close()` and `send()` may be on the stack.
    this.#cancelLoss()
    this.#target.host.after(0, () => this.#listener.ended(unclean(diagnosis)))
  }

  #leave(reason: string): void {
    this.#client.close(1000, reason).catch((error) => this.#target.host.report(error))
  }

  #end(end: SocketEnd): void {
    this.#phase = 'over'
    this.#stopListening()
    this.#cancelLoss()
    this.#listener.ended(end)
  }

  /** What the client has no words for, since a session goes on where a socket ends. */
  #diagnosisOf(
    finding: { readonly kind: 'forgotten' | 'overflow' } | { readonly kind: 'mismatch'; readonly detail: string },
  ): Diagnosis {
    const { options, host } = this.#target
    const { state } = this.#client
    const transport = state.status === 'open' ? state.transport : ''
    const evidence: Evidence = {
      ...finding,
      ...{ transport, phase: 'open', elapsedMs: 0, isOnline: host.isOnline(), isSession: true },
    }
    return (options.diagnosis ?? diagnosis).diagnose(evidence, options.causes)
  }
}

function unclean(diagnosis: Diagnosis | null): SocketEnd {
  return { code: 1006, reason: '', wasClean: false, diagnosis }
}
