import type { EventDetails } from '../api/events.ts'
import type { Report } from '../api/evidence.ts'
import type { Endpoint } from '../client/settings.ts'
import type { Classifier } from '../diagnosis/classifier.ts'
import { messageOf } from '../util/type-tags.ts'

export interface NoticesPort {
  readonly classifier: Classifier
  raise<Type extends 'error' | 'gap'>(type: Type, details: EventDetails[Type]): void
}

/** Errors that are told and change nothing of the connection. */
export class Notices {
  readonly #port: NoticesPort
  readonly #endpoint: () => Endpoint | null
  #isDivided = false

  constructor(port: NoticesPort, endpoint: () => Endpoint | null) {
    this.#port = port
    this.#endpoint = endpoint
  }

  /** A message that the codec or the protocol cannot read is lost, the connection is not. */
  unreadable(error: unknown): void {
    this.#raise('message', { kind: 'unreadable', detail: messageOf(error) })
  }

  /** Messages are lost that the server cannot replay, and the connection goes on behind them. */
  missed(gap: EventDetails['gap']): void {
    this.#port.raise('gap', gap)
  }

  /** Servers that share no store answer in turn; told once. */
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
