/** What an application may leave unread; a bound, since nobody reads a page that fell so far behind. */
const limits = { messages: 1000, bytes: 2 ** 20 }

interface Reader<Message> {
  resolve(result: IteratorResult<Message, undefined>): void
  reject(error: Error): void
}

/** What `for await` asks. Not the `AsyncIterableIterator` of TypeScript's libraries, which has not the same parameters in all versions. */
export interface MessageIterator<Message> {
  next(): Promise<IteratorResult<Message, undefined>>
  /** Ends the iteration, as `break` does. */
  return(): Promise<IteratorResult<Message, undefined>>
  [Symbol.asyncIterator](): this
}

/** One `for await` over the messages: a queue between the events and a reader that takes its time. */
export class MessageQueue<Message> implements MessageIterator<Message> {
  readonly #onReturn: () => void
  readonly #onFull: ((isFull: boolean) => void) | null
  #unread: { readonly message: Message; readonly bytes: number }[] = []
  #bytes = 0
  #readers: Reader<Message>[] = []
  #end: { readonly error: Error | null } | null = null

  /**
   * @param onReturn the reader has gone
   * @param onFull whether too much is unread has changed, and whoever listens holds back what comes; without it, too much is
   * an error
   */
  constructor(onReturn: () => void, onFull: ((isFull: boolean) => void) | null = null) {
    this.#onReturn = onReturn
    this.#onFull = onFull
  }

  push(message: Message, bytes: number): void {
    const reader = this.#readers.shift()
    if (reader) reader.resolve({ value: message, done: false })
    else if (this.#isFull(bytes) && !this.#onFull) this.end(this.#overrun())
    else {
      if (this.#isFull(bytes)) this.#onFull?.(true)
      this.#unread.push({ message, bytes })
      this.#bytes += bytes
    }
  }

  /** What is unread can still be read; then the iteration ends, or throws. */
  end(error: Error | null): void {
    if (this.#end) return
    this.#end = { error }
    this.#onReturn()
    for (const reader of this.#readers.splice(0)) this.#finish(reader, error)
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    return new Promise((resolve, reject) => {
      const first = this.#unread.shift()
      if (first) {
        this.#bytes -= first.bytes
        if (!this.#unread.length) this.#onFull?.(false)
        resolve({ value: first.message, done: false })
      } else if (this.#end) {
        this.#finish({ resolve, reject }, this.#end.error)
        this.#end = { error: null }
      } else this.#readers.push({ resolve, reject })
    })
  }

  return(): Promise<IteratorResult<Message, undefined>> {
    this.#unread = []
    this.end(null)
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** One message always fits, however large it is. */
  #isFull(bytes: number): boolean {
    const count = this.#unread.length
    return count >= limits.messages || (count > 0 && this.#bytes + bytes > limits.bytes)
  }

  #overrun(): RangeError {
    const count = this.#unread.length
    return new RangeError(
      `RealtimeClient: ${count} messages (${this.#bytes} bytes) were left unread; read faster, or use the message event.`,
    )
  }

  #finish({ resolve, reject }: Reader<Message>, error: Error | null): void {
    if (error) reject(error)
    else resolve({ value: undefined, done: true })
  }
}
