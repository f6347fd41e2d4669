import type { Report } from '../api/evidence.ts'
import { nameOf } from '../util/type-tags.ts'

/** A failure that is already a finding, thrown to where it is reported. */
export class Failure extends Error {
  readonly report: Report
  constructor(report: Report) {
    super(report.kind)
    this.report = report
  }
}

/** What a throw means: its finding, or what the given kind makes of an accident. */
export function reportOf(error: unknown, kind: 'broken' | 'blocked'): Report {
  if (error instanceof Failure) return error.report
  const detail = nameOf(error)
  return kind === 'blocked' ? { kind, detail, how: 'thrown' } : { kind, detail }
}

/** An answer that breaks off, after its head has come. */
export function brokenBody(error: unknown): never {
  throw new Failure({ kind: 'broken', detail: nameOf(error), isBody: true })
}
