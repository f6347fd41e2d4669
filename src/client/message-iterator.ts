/** The bounds of the unread messages: an application that falls this far behind will not catch up. */
const limits = { messages: 1000, bytes: 2 ** 20 }

interface Reader<Message> {
  resolve(result: IteratorResult<Message, undefined>): void
  reject(error: Error): void
}

/** An async iterator. Not TypeScript's `AsyncIterableIterator`, whose type parameters differ between versions. */
export interface MessageIterator<Message> {
  next(): Promise<IteratorResult<Message, undefined>>
  /** Ends the iteration, as `break` does. */
  return(): Promise<IteratorResult<Message, undefined>>
  [Symbol.asyncIterator](): this
}

/** One `for await` over the messages: a queue between the events and a slower reader. */
export class MessageQueue<Message> implements MessageIterator<Message> {
  readonly #onReturn: () => void
  readonly #onFull: ((isFull: boolean) => void) | null
  #unread: { readonly message: Message; readonly bytes: number }[] = []
  #bytes = 0
  #readers: Reader<Message>[] = []
  #end: { readonly error: Error | null } | null = null

  /**
   * @param onReturn called when the iteration has ended
   * @param onFull called with true when the queue is full, and with false when it is empty again, so that the caller can apply
   * back-pressure; without it, an overrun ends the iteration with an error
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

  /** Ends the iteration, or makes it throw, after the unread messages have been read. */
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
