import type { CallAnswers } from '../session/call-answers.ts'
import type { ServerCall } from '../wire/calls.ts'
import type { Asked } from './messages.ts'

type Call = Extract<ServerCall, { readonly id: string }>
type Request = Asked[0]

/** The server's requests without an answer. All tabs know them, and the leader answers; if it goes, the next leader does. */
export class ServerRequests {
  readonly #answers: Pick<CallAnswers<unknown>, 'onCall'>
  #asked = new Map<string, Asked>()
  /** The ids of those that this tab is answering. */
  readonly #mine = new Set<string>()

  constructor(answers: Pick<CallAnswers<unknown>, 'onCall'>) {
    this.#answers = answers
  }

  /** For a tab that joins. */
  get snapshot(): readonly Asked[] {
    return [...this.#asked.values()]
  }

  adopt(asked: readonly Asked[]): void {
    this.#asked = new Map(asked.map((each) => [each[0].id, each]))
  }

  /** Handles a call of the server. */
  heard(call: Call, life: string, isAsked: boolean): void {
    if (call.type === 'abort') {
      this.#answers.onCall?.(call)
      this.#settled(call.id)
    } else {
      this.#asked.set(call.id, [call, life])
      if (isAsked) this.#answer(call)
    }
  }

  /** A call of a tab is numbered: it may be an answer. */
  numbered(json: string): void {
    if (this.#asked.size) this.#settled(JSON.parse(json).to)
  }

  /** This tab leads from now on, and answers what the leader before has left unanswered. */
  lead(life: string): void {
    for (const [request, itsLife] of this.#asked.values()) {
      if (itsLife === life) this.#answer(request)
      else this.#asked.delete(request.id)
    }
  }

  /** Another tab answers from now on. */
  follow(): void {
    for (const id of this.#mine) this.#answers.onCall?.({ type: 'abort', id })
    this.#mine.clear()
  }

  #answer(request: Request): void {
    if (this.#mine.has(request.id)) return
    this.#mine.add(request.id)
    this.#answers.onCall?.(request)
  }

  #settled(id: string): void {
    this.#asked.delete(id)
    this.#mine.delete(id)
  }
}
