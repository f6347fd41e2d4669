import { bytesOf } from './bytes.ts'

/** A response with the members that the client reads: some test environments (Jest's jsdom) have no `Response`. */
export function responseOf(status: number, headers: Readonly<Record<string, string>>, body: FakeBody): Response {
  const response = {
    status,
    ok: status >= 200 && status < 300,
    type: 'basic',
    redirected: false,
    bodyUsed: false,
    headers: new Headers(headers),
    body,
  }
  return response as unknown as Response
}

/** A complete body. */
export function textBody(text: string): FakeBody {
  const body = new FakeBody(() => {})
  if (text) body.push(bytesOf(text))
  body.end()
  return body
}

export type Chunk = { readonly done: false; readonly value: Uint8Array } | { readonly done: true; readonly value: undefined }

/** A body that is read as its chunks arrive, like a `ReadableStream` with one reader. */
export class FakeBody {
  readonly #onCancel: () => void
  #chunks: Uint8Array[] = []
  #end: 'open' | 'ended' | { readonly error: unknown } = 'open'
  #reading: { readonly resolve: (chunk: Chunk) => void; readonly reject: (error: unknown) => void } | null = null

  constructor(onCancel: () => void) {
    this.#onCancel = onCancel
  }

  getReader(): { read(): Promise<Chunk>; cancel(): Promise<void> } {
    return { read: () => this.#read(), cancel: () => this.cancel() }
  }

  cancel(): Promise<void> {
    if (this.#end === 'open') this.#onCancel()
    this.end()
    return Promise.resolve()
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#settle()
  }

  end(): void {
    if (this.#end === 'open') this.#end = 'ended'
    this.#settle()
  }

  fail(error: unknown): void {
    if (this.#end === 'open') this.#end = { error }
    this.#settle()
  }

  #read(): Promise<Chunk> {
    return new Promise((resolve, reject) => {
      this.#reading = { resolve, reject }
      this.#settle()
    })
  }

  #settle(): void {
    const reading = this.#reading
    if (!reading) return
    const [value] = this.#chunks
    if (!value && this.#end === 'open') return
    this.#reading = null
    if (value) {
      this.#chunks = this.#chunks.slice(1)
      reading.resolve({ done: false, value })
    } else if (typeof this.#end === 'object') reading.reject(this.#end.error)
    else reading.resolve({ done: true, value: undefined })
  }
}
