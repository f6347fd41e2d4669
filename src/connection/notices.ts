import type { EventDetails } from '../api/events.ts'
import type { Report } from '../api/evidence.ts'
import type { Endpoint } from '../client/settings.ts'
import type { Classifier } from '../diagnosis/classifier.ts'
import { messageOf } from '../util/type-tags.ts'

export interface NoticesPort {
  readonly classifier: Classifier
  raise<Type extends 'error' | 'gap'>(type: Type, details: EventDetails[Type]): void
}

/** Raises errors that do not affect the connection. */
export class Notices {
  readonly #port: NoticesPort
  readonly #endpoint: () => Endpoint | null
  #isDivided = false

  constructor(port: NoticesPort, endpoint: () => Endpoint | null) {
    this.#port = port
    this.#endpoint = endpoint
  }

  /** The codec or the protocol could not decode a message; only that message is lost. */
  unreadable(error: unknown): void {
    this.#raise('message', { kind: 'unreadable', detail: messageOf(error) })
  }

  /** The server cannot replay missed messages; the connection goes on after the gap. */
  missed(gap: EventDetails['gap']): void {
    this.#port.raise('gap', gap)
  }

  /** Requests alternate between servers that do not share a store; reported once. */
  divided(): void {
    if (this.#isDivided) return
    this.#isDivided = true
    this.#raise('connection', { kind: 'divided' })
  }

  #raise(scope: 'message' | 'connection', report: Report): void {
    const { classifier, raise } = this.#port
    const diagnosis = classifier.classify(report, { endpoint: this.#endpoint(), phase: 'open', elapsedMs: 0 })
    raise('error', { scope, diagnosis, retry: null })
  }
}
