import type { Host } from '../../src/api/host.ts'

/** Which of the four questions it is. */
type Kind = 'readable' | 'opaque' | 'redirect' | 'page'

/** One follow-up question, which the test answers. */
export class Question {
  readonly url: URL
  readonly init: RequestInit
  readonly answered: Promise<Response>
  /** Whether the reader of its answer has told that no more is wanted. */
  isCancelled = false
  isSettled = false
  #resolve: (response: Response) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  /** @param isDeaf whether it does not hear of an abort, as in Node now and then */
  constructor(url: string, init: RequestInit, isDeaf: boolean) {
    this.url = new URL(url)
    this.init = init
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (!isDeaf) init.signal?.addEventListener('abort', () => this.fail(new DOMException('aborted', 'AbortError')))
  }

  get kind(): Kind {
    if (this.init.mode === 'no-cors') return 'opaque'
    if (this.init.redirect === 'manual') return 'redirect'
    return this.url.pathname === '/' && !this.url.search ? 'page' : 'readable'
  }

  get isAborted(): boolean {
    return !!this.init.signal?.aborted
  }

  /** The head of an answer comes, and its body as a whole; one that is `null` never comes to its end. */
  answer(status = 200, contentType = 'text/plain', body: string | null = ''): void {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        if (body === null) return
        controller.enqueue(new TextEncoder().encode(body))
        controller.close()
      },
      cancel: () => {
        this.isCancelled = true
      },
    })
    this.#settle(new Response(stream, { status, headers: contentType ? { 'Content-Type': contentType } : {} }))
  }

  json(answer: unknown, status = 200): void {
    this.answer(status, 'application/json', JSON.stringify(answer))
  }

  /** What `redirect: 'manual'` makes of a redirection. */
  redirect(): void {
    this.#settle(Object.defineProperty(new Response(null), 'type', { value: 'opaqueredirect' }))
  }

  fail(error: unknown = new TypeError('Failed to fetch')): void {
    this.isSettled = true
    this.#reject(error)
  }

  #settle(response: Response): void {
    this.isSettled = true
    this.#resolve(response)
  }
}

/** A `fetch` that asks the test. */
export class Questions {
  readonly all: Question[] = []
  isDeaf = false
  /** What is done with each at once. */
  reply: (question: Question) => void = () => {}

  readonly fetch: NonNullable<Host['fetch']> = (url, init) => {
    const question = new Question(url, init, this.isDeaf)
    this.all.push(question)
    this.reply(question)
    return question.answered
  }

  /** The last of that kind. */
  of(kind: Kind): Question {
    const question = this.all.findLast((each) => each.kind === kind)
    if (!question) throw new Error(`Nobody asked for what is ${kind}.`)
    return question
  }

  /** How many rounds there were. */
  get rounds(): number {
    return this.all.filter(({ kind }) => kind === 'opaque').length
  }

  /** What waits for an answer. */
  get open(): readonly Question[] {
    return this.all.filter(({ isSettled, isAborted }) => !isSettled && !isAborted)
  }

  /** All that is open fails: nothing can be reached. */
  failAll(): void {
    for (const question of this.open) question.fail()
  }

  /** All that is open is answered like that. */
  answerAll(status = 200, contentType = 'text/plain', body = ''): void {
    for (const question of this.open) question.answer(status, contentType, body)
  }
}
