import { expect, it } from 'vitest'
import type { Circumstances, Evidence, Finding, FollowUp, Ledger } from '../../src/api/evidence.ts'
import { type Diagnosis, diagnose } from '../../src/diagnosis/diagnose.ts'
import type { Verdict } from '../../src/diagnosis/verdicts.ts'

/** The evidence of a failure, as far as it matters to a test. */
export type Given = Finding & Partial<Circumstances>

export const closed = (code: number, more: Partial<Extract<Finding, { kind: 'closed' }>> = {}) =>
  ({ kind: 'closed', code, reason: '', wasClean: code !== 1006, ...more }) as const
export const answered = (status: number, contentType = '') => ({ kind: 'answered', status, contentType }) as const
export const broken = { kind: 'broken', detail: 'TypeError' } as const
export const timeout = { kind: 'timeout' } as const
/** A WebSocket that ended without a Close frame, whether it was open or not. */
export const cut = closed(1006)

export function evidenceOf(given: Given): Evidence {
  return { transport: 'websocket', phase: 'connect', elapsedMs: 5, isOnline: true, ...given }
}

/** Follow-up questions that all failed, except as given. */
export function asked(more: Partial<FollowUp> = {}): FollowUp {
  return { readable: 'failed', elapsedMs: 5, opaque: 'failed', isRedirect: false, page: 'answered', ...more }
}

/** Follow-up questions whose answer the page may read. */
export function heard(status: number, more: Partial<FollowUp> = {}): FollowUp {
  return asked({ readable: 'answered', opaque: 'answered', status, contentType: 'text/plain', ...more })
}

/** The same with the ledger of a server that saw no request, except as given. */
export function recorded(more: Partial<Ledger> = {}): FollowUp {
  const nothing = { scope: 'all', sawRequest: false, sawUpgrade: false, verdict: null, offeredProtocols: [] } as const
  return heard(200, { contentType: 'application/json', ledger: { ...nothing, ...more } })
}

/** Evidence and the diagnosis expected of it: cause, certainty, verdict, candidates, hint. */
export type Row = readonly [
  given: Given,
  cause: string,
  certainty: Diagnosis['certainty'],
  verdict: Verdict,
  candidates?: readonly string[] | undefined,
  hint?: Diagnosis['hint'],
]

/** Tests each row: the diagnosis, that it includes all the evidence, and that no placeholder of its message is left. */
export function itJudges(rows: readonly Row[]): void {
  const named = rows.map((row) => [`${JSON.stringify(row[0])}: ${row.slice(1, 4).join(', ')}`, row] as const)
  it.each(named)('%s', (_, [given, cause, certainty, verdict, candidates, hint]) => {
    const evidence = evidenceOf(given)
    const { message, ...diagnosis } = diagnose(evidence)
    const more = { ...(candidates && { candidates }), ...(hint && { hint }) }
    expect(diagnosis).toEqual({ cause, certainty, verdict, evidence, ...more })
    expect(message).not.toMatch(/[{}]|undefined|null|NaN|^$/)
  })
}
