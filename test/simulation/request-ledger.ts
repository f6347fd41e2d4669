import type { Court } from './violation.ts'

interface Request {
  starts: number
  isDone: boolean
  outcome: string | null
}

/** Error codes of requests without a reply: never sent, answer lost by the server, or client or session ended. */
const losses: readonly string[] = ['undelivered', 'lost', 'closed']

/** The requests of the page: each is handled once, except for marked repeats, and settles once (rule 21). */
export class RequestLedger {
  readonly #court: Court
  readonly #requests = new Map<string, Request>()

  constructor(court: Court) {
    this.#court = court
  }

  get isSettled(): boolean {
    return [...this.#requests.values()].every(({ outcome }) => outcome !== null)
  }

  /** The tags of the requests that have not settled. */
  get open(): readonly string[] {
    return [...this.#requests].flatMap(([tag, { outcome }]) => (outcome === null ? [tag] : []))
  }

  /** How many requests may count as done: their handler has returned, or they have settled. */
  get doneCount(): number {
    return [...this.#requests.values()].filter(({ isDone, outcome }) => isDone || outcome !== null).length
  }

  done(tag: string): void {
    const request = this.#requests.get(tag)
    if (request) request.isDone = true
  }

  sent(tag: string): void {
    this.#requests.set(tag, { starts: 0, isDone: false, outcome: null })
  }

  started(tag: string, redelivered: boolean): void {
    const request = this.#requests.get(tag)
    this.#court.must(request !== undefined, 'request-garbled', () => `${tag} was never asked`)
    if (!request) return
    request.starts += 1
    this.#court.must(request.starts === 1 || redelivered, 'request-twice', () => `${tag} is handled again, unmarked`)
  }

  replied(tag: string, reply: unknown): void {
    const request = this.#settled(tag, 'reply')
    this.#court.must(reply === `re: ${tag}`, 'request-reply', () => `${tag} is answered by ${String(reply)}`)
    this.#court.must(request?.starts !== 0, 'request-unhandled', () => `${tag} has a reply, and no handler has had it`)
  }

  /** @param gaps how many gaps were reported to the client, which may have contained the answer */
  failed(tag: string, code: unknown, gaps: number): void {
    this.#settled(tag, String(code))
    this.#court.must(code !== 'lost' || gaps > 0, 'request-lost', () => `the answer to ${tag} is lost, and there was no gap`)
    this.#court.must(losses.includes(String(code)), 'request-fails', () => `${tag} fails with ${String(code)}`)
  }

  #settled(tag: string, outcome: string): Request | undefined {
    const request = this.#requests.get(tag)
    this.#court.must(
      request?.outcome === null,
      'request-settled-twice',
      () => `${tag} settles as ${outcome}, and was ${request?.outcome}`,
    )
    if (request) request.outcome = outcome
    return request
  }
}
