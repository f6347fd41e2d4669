/** So long an attachment that asks again and again (poll, long-poll, or the POSTs beside an event stream) is remembered after it did. */
const keptMs = 60_000
const mostKept = 50_000

/**
 * The attachments that were let in here not long ago, by session and k: a request that names one of them goes on with it, and is
 * no new attachment. It is what this node has seen itself, since what a hello says of it anybody could say. Two generations, so
 * that forgetting costs nothing: one that is asked for again moves into the younger.
 */
export class RecentAttachments {
  #young = new Set<string>()
  #old = new Set<string>()
  #bornAt: number

  constructor(now: number) {
    this.#bornAt = now
  }

  has({ session, k }: { readonly session: string; readonly k: number }, now: number): boolean {
    this.#age(now)
    const key = `${session} ${k}`
    if (this.#young.has(key)) return true
    if (!this.#old.has(key)) return false
    this.#young.add(key)
    return true
  }

  add({ session, k }: { readonly session: string; readonly k: number }, now: number): void {
    this.#age(now)
    this.#young.add(`${session} ${k}`)
  }

  delete({ session, k }: { readonly session: string; readonly k: number }): void {
    this.#young.delete(`${session} ${k}`)
    this.#old.delete(`${session} ${k}`)
  }

  #age(now: number): void {
    const ageMs = now - this.#bornAt
    if (ageMs < keptMs && this.#young.size < mostKept) return
    this.#old = ageMs < 2 * keptMs ? this.#young : new Set()
    this.#young = new Set()
    this.#bornAt = now
  }
}
