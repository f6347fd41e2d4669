import { type Diagnosis, diagnose, type Verdict } from './diagnosis/diagnose.ts'
import type { Evidence, Report } from './diagnosis/evidence.ts'
import type { Host } from './host/host.ts'

/** Makes a diagnosis of what a transport reports, and gives the application the last word on the verdict. */
export type Judge = (report: Report, transport: string, phase: Evidence['phase'], elapsedMs: number) => Diagnosis

export function judgeFor(
  host: Host,
  isSession: boolean,
  overrule: ((diagnosis: Diagnosis) => Verdict | undefined) | undefined,
): Judge {
  return (report, transport, phase, elapsedMs) => {
    const diagnosis = diagnose({
      ...report,
      transport,
      phase,
      elapsedMs,
      isOnline: host.isOnline(),
      ...(isSession && { isSession }),
    })
    let verdict: Verdict | undefined
    try {
      verdict = overrule?.(diagnosis)
    } catch (error) {
      host.report(error)
    }
    if (verdict === undefined || verdict === diagnosis.verdict) return diagnosis
    const { hint, ...rest } = diagnosis
    return { ...rest, verdict }
  }
}
