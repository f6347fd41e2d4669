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

/** The follow-up questions about failures, if the client's diagnosis has a prober, and the refined diagnoses that result. */
export class FollowUp {
  readonly #port: FollowUpPort
  readonly #onRefined: (id: number, diagnosis: Diagnosis) => void

  /** @param onRefined called with the refined diagnosis of a failed attempt */
  constructor(port: FollowUpPort, onRefined: (id: number, diagnosis: Diagnosis) => void) {
    this.#port = port
    this.#onRefined = onRefined
  }

  failed(id: number, diagnosis: Diagnosis, { endpoint, url, name }: Pick<Attempt, 'endpoint' | 'url' | 'name'>): void {
    const { type } = endpoint.transport
    this.#prober()?.failed({ id, type, url, search: endpoint.url.get().search, attempt: name, diagnosis })
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

  /** A Content-Security-Policy blocked a request. */
  forbade(blockedUrl: string, directive: string): void {
    this.#prober()?.forbade(blockedUrl, directive)
  }

  /** The network has changed, so earlier findings do not apply. */
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
        host,
        credentials,
        mayAsk: probe,
        hasLedger: mode.hasLedger,
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
