import type { Diagnosis, OwnCauses } from '../diagnosis/diagnose.ts'
import type { Circumstances, Evidence } from './evidence.ts'
import type { Host } from './host.ts'
import type { FetchCredentials } from './transport.ts'

/** A failed attempt, as a prober gets it. */
export interface FailedAttempt {
  readonly id: number
  /** The transport's `type`. */
  readonly type: string
  /** The URL that was dialled. */
  readonly url: URL
  /** The query of the configured URL, without what `prepare()` added. */
  readonly search: string
  /** The attempt's name in the server's ledger, where it keeps one. */
  readonly attempt: string
  readonly diagnosis: Diagnosis
}

/** What a prober knows of its client. */
export interface ProberContext {
  readonly host: Host
  /** Whether it may ask the server anything. */
  readonly mayAsk: boolean
  /** The `type` of each transport, best first. */
  readonly transports: readonly string[]
  readonly credentials: FetchCredentials
  /** Whether the server keeps a ledger of attempts. */
  readonly hasLedger: boolean
  /** Over how many milliseconds the server wants its clients to come back after a restart; `null` where it has not said so. */
  spreadMs(): number | null
  /** More is known of a failed attempt. */
  onLearned(which: FailedAttempt, learned: Partial<Circumstances>): void
}

/** Finds out more about failures than their transports could see, beside the connection. */
export interface Prober {
  /** The page's policy forbids this URL. */
  forbade(blockedUrl: string, directive: string): void
  /** An open connection was lost: what was found before says nothing of this outage. */
  lost(): void
  /** The network has changed: earlier findings no longer apply. */
  forget(): void
  /** Ends everything, and forgets it. */
  end(): void
  /** What is known beside what a transport saw of its failure; `isLoss`: of an open connection. */
  about(type: string, url: URL, isLoss?: boolean): Partial<Circumstances>
  /** An attempt failed. */
  failed(which: FailedAttempt): void
  /** A transport is open. `lastEnd`: what the server saw of the end of the connection before. */
  opened(type: string, lastEnd: Circumstances['lastEnd']): void
}

/** The value of the option `diagnosis`: explains failures. Each client has a prober of its own, made at its first failure. */
export interface Diagnostics {
  /** The only place where a failure gets its meaning. */
  diagnose(evidence: Evidence, own?: OwnCauses): Diagnosis
  prober?(context: ProberContext): Prober
}
