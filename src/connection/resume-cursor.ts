import type { Attempt } from './attempt.ts'

/** Where a protocol can resume, what has come so far: the cursor that attempts share, and what another of them will bring once more. */
export class ResumeCursor {
  #cursor = ''

  /** What a dial goes on from; `''` for nothing. */
  get value(): string {
    return this.#cursor
  }

  moveTo(cursor: string): void {
    this.#cursor = cursor
  }

  /** The transport that carries the connection now cannot resume. */
  forget(): void {
    this.#cursor = ''
  }

  /** Whether this attempt brings what came over another already. */
  isRepeated(attempt: Attempt, cursor: string | undefined): boolean {
    return cursor !== undefined && !!attempt.delivered?.delete(cursor)
  }

  /** A message came over this attempt: the others, on their way from an older cursor, will bring it too. */
  arrived(attempt: Attempt, cursor: string | undefined, living: ReadonlyMap<number, Attempt>): void {
    if (!cursor || living.size < 2) return
    for (const other of living.values()) {
      if (other === attempt) continue
      other.delivered ??= new Set()
      other.delivered.add(cursor)
    }
  }
}
