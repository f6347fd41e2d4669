import type { Host } from '../../src/api/host.ts'

/** Which of the four follow-up questions it is. */
type Kind = 'readable' | 'opaque' | 'redirect' | 'page'

/** One follow-up question, which the test answers. */
export class Question {
  readonly url: URL
  readonly init: RequestInit
  readonly answered: Promise<Response>
  /** Whether the reader of its answer has cancelled it. */
  isCancelled = false
  isSettled = false
  #resolve: (response: Response) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  /** @param isDeaf whether an abort has no effect, as happens in Node now and then */
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

  /** Answers with a head and the whole body; a body that is `null` never ends. */
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

  /** Answers with a redirect, as `redirect: 'manual'` shows it. */
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

/** A `fetch` whose answers the test gives. */
export class Questions {
  readonly all: Question[] = []
  isDeaf = false
  /** Called with each question at once. */
  reply: (question: Question) => void = () => {}

  readonly fetch: NonNullable<Host['fetch']> = (url, init) => {
    const question = new Question(url, init, this.isDeaf)
    this.all.push(question)
    this.reply(question)
    return question.answered
  }

  /** The last question of this kind. */
  of(kind: Kind): Question {
    const question = this.all.findLast((each) => each.kind === kind)
    if (!question) throw new Error(`Nobody asked for what is ${kind}.`)
    return question
  }

  /** How many rounds of questions there were. */
  get rounds(): number {
    return this.all.filter(({ kind }) => kind === 'opaque').length
  }

  /** The questions that are neither answered nor aborted. */
  get open(): readonly Question[] {
    return this.all.filter(({ isSettled, isAborted }) => !isSettled && !isAborted)
  }

  /** All open questions fail: nothing can be reached. */
  failAll(): void {
    for (const question of this.open) question.fail()
  }

  /** Answers all open questions alike. */
  answerAll(status = 200, contentType = 'text/plain', body = ''): void {
    for (const question of this.open) question.answer(status, contentType, body)
  }
}
