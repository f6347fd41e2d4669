/** A broken invariant. */
export interface Violation {
  /** The name of the invariant, the same for failures of the same kind. */
  readonly invariant: string
  readonly detail: string
}

/**
 * Checks invariants, and keeps the first violation: it does not throw, since a check may run deep inside the code under test,
 * which would swallow the exception.
 */
export class Court {
  violation: Violation | null = null

  must(isTrue: boolean, invariant: string, detail: () => string): void {
    if (!isTrue) this.violation ??= { invariant, detail: detail() }
  }
}
