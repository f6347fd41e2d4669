/** Something that must never happen. */
export interface Violation {
  /** Which invariant, in a word that is the same for the same kind of failure. */
  readonly invariant: string
  readonly detail: string
}

/** Hears of everything that must hold, and keeps the first that does not: it may be found out deep inside the code under test, which would swallow an exception. */
export class Court {
  violation: Violation | null = null

  must(isTrue: boolean, invariant: string, detail: () => string): void {
    if (!isTrue) this.violation ??= { invariant, detail: detail() }
  }
}
