import { codes } from '../../wire/steadfast-v1.ts'
import type { Medium } from '../delivery/carrier.ts'
import type { Handlers } from '../handlers.ts'
import { MethodMeters } from './store-meters.ts'

/** A client's transport: a WebSocket, an event stream, or polling (long-poll and poll). */
export type AttachedBy = 'websocket' | 'sse' | 'polling'

export const attachedBy: Readonly<Record<Medium, AttachedBy>> = { websocket: 'websocket', stream: 'sse', answer: 'polling' }

/** Requests that were refused for the same reason. */
export interface Refused {
  /** The close code; over HTTP the answer has its status. */
  readonly code: number
  /** The server's reason for 4429 and 4503, such as the exceeded limit; `''` for other codes. */
  readonly reason: string
  readonly count: number
}

/** How often a handler ran, and how often it threw or rejected. */
export interface HandlerRuns {
  runs: number
  errors: number
}

/** Only these codes have reasons of the server's own, which are few; other reasons may be the application's or the client's. */
const codesWithReasons: readonly number[] = [codes.tooMany, codes.restarting]

/** A node's counters since it was created. Counting is one addition; everything else happens when the metrics are read. */
export class Meters {
  /** Attachments that were opened; each answer to a poll counts as one. */
  readonly attached: Record<AttachedBy, number> = { websocket: 0, sse: 0, polling: 0 }
  messagesReceived = 0
  bytesReceived = 0
  messagesSent = 0
  framesSent = 0
  bytesSent = 0
  published = 0
  gaps = 0
  readonly handlers: Record<keyof Handlers, HandlerRuns> = {
    onSession: { runs: 0, errors: 0 },
    onMessage: { runs: 0, errors: 0 },
    onAttach: { runs: 0, errors: 0 },
    onDetach: { runs: 0, errors: 0 },
    onEnd: { runs: 0, errors: 0 },
    onRequest: { runs: 0, errors: 0 },
    onSubscribe: { runs: 0, errors: 0 },
    onPublish: { runs: 0, errors: 0 },
  }
  readonly topics = new MethodMeters()
  readonly sessions = new MethodMeters()
  readonly #refused = new Map<string, Refused>()

  get refused(): readonly Refused[] {
    return [...this.#refused.values()]
  }

  /** Counts a request to attach or to send: accepted, or refused with a close code. */
  answered(verdict: 'accepted' | number, given = ''): void {
    if (verdict === 'accepted') return
    const reason = codesWithReasons.includes(verdict) ? given : ''
    const key = `${verdict} ${reason}`
    this.#refused.set(key, { code: verdict, reason, count: (this.#refused.get(key)?.count ?? 0) + 1 })
  }

  received(bytes: number): void {
    this.messagesReceived += 1
    this.bytesReceived += bytes
  }

  wrote(bytes: number): void {
    this.framesSent += 1
    this.bytesSent += bytes
  }
}
