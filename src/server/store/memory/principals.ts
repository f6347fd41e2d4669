/** The sessions of each principal. */
export class Principals {
  /** Most principals have one session: a set for each would take more memory than the session's id. */
  readonly #ids = new Map<string, string | Set<string>>()

  add(principalId: string, id: string): void {
    const known = this.#ids.get(principalId)
    if (known instanceof Set) known.add(id)
    else this.#ids.set(principalId, known === undefined ? id : new Set([known, id]))
  }

  delete(principalId: string, id: string): void {
    const known = this.#ids.get(principalId)
    if (known instanceof Set) known.delete(id)
    if (known === id || (known instanceof Set && known.size === 0)) this.#ids.delete(principalId)
  }

  count(principalId: string): number {
    const known = this.#ids.get(principalId)
    return known instanceof Set ? known.size : known === undefined ? 0 : 1
  }

  sessionsOf(principalId: string): string[] {
    const known = this.#ids.get(principalId)
    return known instanceof Set ? [...known] : known === undefined ? [] : [known]
  }
}
