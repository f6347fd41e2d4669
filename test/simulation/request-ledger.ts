import type { Court } from './violation.ts'

interface Request {
  starts: number
  isDone: boolean
  outcome: string | null
}

/** Why a request may have no reply: it was never sent, or the server lost its answer, or the client or its session has ended. */
const losses: readonly string[] = ['undelivered', 'lost', 'closed']

/** The requests of the page: each is handled once, unless the handler is told of a repeat, and settles once (rule 21). */
export class RequestLedger {
  readonly #court: Court
  readonly #requests = new Map<string, Request>()

  constructor(court: Court) {
    this.#court = court
  }

  get isSettled(): boolean {
    return [...this.#requests.values()].every(({ outcome }) => outcome !== null)
  }

  /** The tags of those that have not settled. */
  get open(): readonly string[] {
    return [...this.#requests].flatMap(([tag, { outcome }]) => (outcome === null ? [tag] : []))
  }

  /** How many may count as done: a handler has returned, or nobody waits for the reply any more. */
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

  /** @param gaps how many gaps the client was told of, in which an answer may have been */
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
