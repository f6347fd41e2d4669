/**
 * How long an attachment that consists of requests (poll, long-poll, or the POSTs beside an event stream) is remembered after its
 * last request, in milliseconds.
 */
const keptMs = 60_000
const maxKept = 50_000

/**
 * The attachments that this node has admitted recently, by session and k: a request that names one of them continues it, and is
 * no new attachment. Only this node's own admissions count, since any client could claim one in a hello. Two generations make
 * eviction cheap: an attachment that is looked up again moves into the younger one.
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
    if (ageMs < keptMs && this.#young.size < maxKept) return
    this.#old = ageMs < 2 * keptMs ? this.#young : new Set()
    this.#young = new Set()
    this.#bornAt = now
  }
}
