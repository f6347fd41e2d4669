import type { Diagnostics, FailedAttempt, Prober } from '../api/diagnostics.ts'
import type { Circumstances } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { Settings } from '../client/settings.ts'
import type { Classifier } from '../diagnosis/classifier.ts'
import type { Diagnosis } from '../diagnosis/diagnose.ts'
import type { Attempt } from './attempt.ts'

export interface FollowUpPort {
  readonly host: Host
  readonly settings: Settings
  readonly classifier: Classifier
  readonly diagnosis: Diagnostics | undefined
}

/** The questions that follow a failure, where the client has a diagnosis that asks any, and what their answers change. */
export class FollowUp {
  readonly #port: FollowUpPort
  readonly #onRefined: (id: number, diagnosis: Diagnosis) => void

  /** @param onRefined called when more is known of why an attempt failed */
  constructor(port: FollowUpPort, onRefined: (id: number, diagnosis: Diagnosis) => void) {
    this.#port = port
    this.#onRefined = onRefined
  }

  failed(id: number, diagnosis: Diagnosis, { endpoint, url, name }: Pick<Attempt, 'endpoint' | 'url' | 'name'>): void {
    const { type } = endpoint.transport
    this.#prober()?.failed({ id, type, url, search: endpoint.url.search, attempt: name, diagnosis })
  }

  /** The connection was lost. */
  lost(): void {
    this.#prober()?.lost()
  }

  opened(type: string): void {
    const { settings, classifier } = this.#port
    classifier.opened(type)
    classifier.prober?.opened(type, settings.mode.lastEnd())
  }

  /** A content security policy forbade a request. */
  forbade(blockedUrl: string, directive: string): void {
    this.#prober()?.forbade(blockedUrl, directive)
  }

  /** The network is another one: what was asked before says nothing of it. */
  forget(): void {
    this.#port.classifier.prober?.forget()
  }

  end(): void {
    this.#port.classifier.prober?.end()
  }

  #prober(): Prober | null {
    const { host, settings, classifier, diagnosis } = this.#port
    const { mode, credentials, probe, endpoints } = settings
    classifier.prober ??=
      diagnosis?.prober?.({
        ...{ host, credentials, mayAsk: probe, hasLedger: mode.hasLedger },
        transports: endpoints.map(({ transport }) => transport.type),
        spreadMs: () => mode.spreadMs(),
        onLearned: (attempt, learned) => this.#refine(attempt, learned),
      }) ?? null
    return classifier.prober
  }

  #refine({ id, diagnosis: before }: FailedAttempt, learned: Partial<Circumstances>): void {
    this.#onRefined(id, this.#port.classifier.reclassify(before, learned))
  }
}
