import type { Diagnostics } from '../api/diagnostics.ts'
import { diagnose } from './diagnose.ts'
import { FailureProber } from './failure-prober.ts'

/**
 * Explains failures, for a client of `steadfast/core`: `new RealtimeClient(url, { transports: [webSocket()], diagnosis })`.
 * The client of `steadfast` has it by default.
 */
export const diagnosis: Diagnostics = {
  diagnose,
  prober: (context) => new FailureProber(context),
}
