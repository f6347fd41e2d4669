import { codes } from '../../wire/steadfast-v1.ts'
import type { Medium } from '../delivery/carrier.ts'
import type { Handlers } from '../handlers.ts'
import { MethodMeters } from './store-meters.ts'

/** How a client is attached: by a WebSocket, by an event stream, or by answers to its polls (long-poll and poll). */
export type AttachedBy = 'websocket' | 'sse' | 'polling'

export const attachedBy: Readonly<Record<Medium, AttachedBy>> = { websocket: 'websocket', stream: 'sse', answer: 'polling' }

/** Requests that were refused for one reason. */
export interface Refused {
  readonly code: number
  readonly reason: string
  readonly count: number
}

/** How often a handler ran, and how often it threw or rejected. */
export interface HandlerRuns {
  runs: number
  errors: number
}

/** Only these have reasons that are the server's own, of which there are few; those of others may be the application's or the client's. */
const codesWithReasons: readonly number[] = [codes.tooMany, codes.restarting]

/** What a node counts since it was made. Counting is an addition; everything else is done when the metrics are asked for. */
export class Meters {
  /** Attachments that were opened; each answer to a poll is one. */
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

  /** A request that wanted to attach or to send was accepted, or refused with a close code. */
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
