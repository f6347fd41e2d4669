import type { Report } from '../api/evidence.ts'
import { reportOf } from '../transports/failure.ts'
import type { Attempt } from './attempt.ts'
import type { Dialer } from './dialer.ts'

export interface CredentialRenewalPort {
  readonly dialer: Dialer
  /** `prepare()` returned fresh credentials for this attempt. */
  onRenewed(attempt: Attempt, auth: unknown): void
  onStopped(attempt: Attempt, report: Report): void
}

/** Calls `prepare()` for fresh credentials while the connection is open, one call at a time. */
export class CredentialRenewal {
  readonly #port: CredentialRenewalPort
  #isRunning = false

  constructor(port: CredentialRenewalPort) {
    this.#port = port
  }

  /** If `prepare()` fails, the server ends the connection and the next attempt reports why; `StopConnecting` ends it at once. */
  renew(attempt: Attempt): void {
    const { dialer, onRenewed, onStopped } = this.#port
    if (this.#isRunning) return
    this.#isRunning = true
    dialer
      .renew(attempt)
      .finally(() => {
        this.#isRunning = false
      })
      .then((auth) => onRenewed(attempt, auth))
      .catch((error: unknown) => {
        const report = reportOf(error, 'blocked')
        if (report.kind === 'stopped') onStopped(attempt, report)
      })
  }
}
