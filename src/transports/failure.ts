import type { Report } from '../api/evidence.ts'
import { nameOf } from '../util/type-tags.ts'

/** An error that carries the report of a failure. */
export class Failure extends Error {
  readonly report: Report
  constructor(report: Report) {
    super(report.kind)
    this.report = report
  }
}

/** Returns the report of a `Failure`, or one of the given kind for any other error. */
export function reportOf(error: unknown, kind: 'broken' | 'blocked'): Report {
  if (error instanceof Failure) return error.report
  const detail = nameOf(error)
  return kind === 'blocked' ? { kind, detail, how: 'thrown' } : { kind, detail }
}

/** Throws the failure of a response whose body breaks off. */
export function brokenBody(error: unknown): never {
  throw new Failure({ kind: 'broken', detail: nameOf(error), isBody: true })
}
