import type { Attempt } from './attempt.ts'

/** The cursor that the attempts share, if the protocol can resume, and the messages that other attempts will deliver again. */
export class ResumeCursor {
  #cursor = ''

  /** The cursor that a dial resumes from; `''` for none. */
  get value(): string {
    return this.#cursor
  }

  moveTo(cursor: string): void {
    this.#cursor = cursor
  }

  /** Forgets the cursor, because the active transport cannot resume. */
  forget(): void {
    this.#cursor = ''
  }

  /** Whether this message was already delivered over another attempt. */
  isRepeated(attempt: Attempt, cursor: string | undefined): boolean {
    return cursor !== undefined && !!attempt.delivered?.delete(cursor)
  }

  /** A message came over this attempt: the others, which resumed from an older cursor, will deliver it too. */
  arrived(attempt: Attempt, cursor: string | undefined, living: ReadonlyMap<number, Attempt>): void {
    if (!cursor || living.size < 2) return
    for (const other of living.values()) {
      if (other === attempt) continue
      other.delivered ??= new Set()
      other.delivered.add(cursor)
    }
  }
}
