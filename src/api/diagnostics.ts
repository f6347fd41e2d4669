import type { Diagnosis, OwnCauses } from '../diagnosis/diagnose.ts'
import type { Circumstances, Evidence } from './evidence.ts'
import type { Host } from './host.ts'
import type { FetchCredentials } from './transport.ts'

/** A failed attempt, as it is passed to a prober. */
export interface FailedAttempt {
  readonly id: number
  /** The transport's `type`. */
  readonly type: string
  /** The URL that was dialled. */
  readonly url: URL
  /** The query of the configured URL, without the parameters that `prepare()` added. */
  readonly search: string
  /** The attempt's name in the server's ledger, if the server keeps one. */
  readonly attempt: string
  readonly diagnosis: Diagnosis
}

/** What a prober can read of its client, and report to it. */
export interface ProberContext {
  readonly host: Host
  /** Whether the prober may send requests (the option `probe`). */
  readonly mayAsk: boolean
  /** The `type` of each transport, best first. */
  readonly transports: readonly string[]
  readonly credentials: FetchCredentials
  /** Whether the server keeps a ledger of attempts. */
  readonly hasLedger: boolean
  /** Returns the time over which the server wants clients to reconnect after a restart, in milliseconds; `null` if unknown. */
  spreadMs(): number | null
  /** Reports new circumstances of a failed attempt. */
  onLearned(which: FailedAttempt, learned: Partial<Circumstances>): void
}

/** Finds out more about failures than the transports can see, by requests beside the connection. */
export interface Prober {
  /** The page's Content-Security-Policy blocked this URL. */
  forbade(blockedUrl: string, directive: string): void
  /** An open connection was lost: earlier findings do not apply to this outage. */
  lost(): void
  /** The network has changed: earlier findings no longer apply. */
  forget(): void
  /** Cancels all requests and discards all findings. */
  end(): void
  /** Returns what the prober knows about a failure, beside the transport's report; `isLoss`: an open connection was lost. */
  about(type: string, url: URL, isLoss?: boolean): Partial<Circumstances>
  /** An attempt failed. */
  failed(which: FailedAttempt): void
  /** A transport opened. `lastEnd`: what the server saw of the end of the previous connection. */
  opened(type: string, lastEnd: Circumstances['lastEnd']): void
}

/** The value of the option `diagnosis`: explains failures. Each client has its own prober, created at its first failure. */
export interface Diagnostics {
  /** Turns the evidence of a failure into a diagnosis; nothing else interprets failures. */
  diagnose(evidence: Evidence, own?: OwnCauses): Diagnosis
  prober?(context: ProberContext): Prober
}
