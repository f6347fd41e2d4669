import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { maxHelloBytes } from '../../wire/steadfast-v1.ts'
import type { ServerHost } from '../node/host.ts'
import { linesOf, maxPartHeadBytes, startOfLines } from './body-lines.ts'
import type { Share } from './byte-budget.ts'
import type { UnfinishedHellos } from './unfinished-hellos.ts'

/** The result of reading a body. Of a truncated body, the complete lines; the first is the hello. */
export type Body =
  | { readonly type: 'whole' | 'broken' | 'slow'; readonly lines: readonly string[] }
  | { readonly type: 'malformed' | 'too-large' | 'too-many' }

/** The first line of a body, or its fault. */
export type FirstLine =
  | { readonly type: 'hello'; readonly text: string }
  | { readonly type: 'broken' | 'slow' | 'too-large' | 'no-hello' }

/** A body whose hello is read first, and the rest only once the client is authenticated. */
export interface BodySource {
  /** Never rejects. */
  hello(): Promise<FirstLine>
  /** The whole body, charged to a share, which it releases. Never rejects. */
  whole(share: Share): Promise<Body>
}

export interface BodyLimits {
  /** The longest body after the hello, in bytes. */
  readonly maxBytes: number
  /** The longest pause between data, in milliseconds; `Infinity` for no limit. */
  readonly timeoutMs: number
  /** Milliseconds of a monotonic clock. */
  readonly elapsedMs: () => number
  readonly after: ServerHost['after']
}

/** The slowest permitted transfer, in bytes per millisecond: a slower client is not on a slow link but stalls on purpose. */
export const minBytesPerMs = 5
/** The first bytes of each body are not counted, so that senders of long bodies cannot starve senders of short ones. */
const freeBytes = 65_536
export const maxFirstBytes = maxPartHeadBytes + maxHelloBytes
/** The longest end of a form, in bytes: a boundary has at most 70 characters. */
export const formEndBytes = 80
const minCapacity = 4096

const newline = 10
const nothing = Buffer.alloc(0)

type Halt = 'ended' | 'broken' | 'slow' | 'too-large' | 'too-many' | 'no-hello'

/** The unread body of a request. */
export class BodyReader implements BodySource {
  readonly #request: IncomingMessage
  readonly #limits: BodyLimits
  readonly #unfinished: UnfinishedHellos
  /** The longest permitted body, in bytes. */
  #maxLength: number
  #state: 'coming' | Halt = 'coming'
  /** The received data, joined: a list would cost a hundred bytes for each chunk of one byte. */
  #bytes: Buffer = nothing
  #length = 0
  #startedAt: number
  #cameAt: number
  /** Where the lines begin, and where the search for the end of the first one continues. */
  #start = -1
  #searchedTo = 0
  #endOfHello = -1
  #share: Share | null = null
  #resolve: (() => void) | null = null
  #cancelLimit = () => {}

  constructor(request: IncomingMessage, limits: BodyLimits, unfinished: UnfinishedHellos) {
    this.#request = request
    this.#limits = limits
    this.#unfinished = unfinished
    this.#maxLength = maxFirstBytes + limits.maxBytes + formEndBytes
    this.#startedAt = limits.elapsedMs()
    this.#cameAt = this.#startedAt
  }

  async hello(): Promise<FirstLine> {
    const request = this.#request
    if (this.#isTooLong) return { type: 'too-large' }
    request.on('data', (chunk) => this.#came(chunk))
    request.on('end', () => this.#halt('ended'))
    // An `error` event of a request without a listener ends the process.
    request.on('error', () => this.#halt('broken'))
    request.on('close', () => this.#halt('broken'))
    await this.#wait()
    this.#unfinished.remove(this)
    if (this.#endOfHello >= 0) return { type: 'hello', text: this.#text(this.#start, this.#endOfHello) }
    const state = this.#state
    if (state === 'ended') return { type: 'hello', text: linesOf(this.#text())?.[0] ?? '' }
    this.#bytes = nothing
    return { type: state === 'slow' || state === 'too-large' || state === 'no-hello' ? state : 'broken' }
  }

  async whole(share: Share): Promise<Body> {
    this.#share = share
    const isCharged = share.take(Math.max(0, this.#length - freeBytes))
    if (!isCharged) this.#halt('too-many')
    if (this.#isTooLong) this.#halt('too-large')
    this.#startedAt = this.#limits.elapsedMs()
    this.#cameAt = this.#startedAt
    await this.#wait()
    const state = this.#state
    const lines = state === 'ended' || state === 'broken' || state === 'slow' ? linesOf(this.#text(), state === 'ended') : null
    this.#bytes = nothing
    share.release()
    if (state === 'too-large' || state === 'too-many') return { type: state }
    if (state === 'ended') return lines ? { type: 'whole', lines } : { type: 'malformed' }
    return { type: state === 'slow' ? 'slow' : 'broken', lines: lines ?? [] }
  }

  /** Stops waiting for the rest of the hello. */
  giveUp(): void {
    this.#halt('slow')
  }

  get #isTooLong(): boolean {
    return Math.max(this.#length, Number(this.#request.headers['content-length'] ?? 0)) > this.#maxLength
  }

  #wait(): Promise<void> {
    if (this.#state !== 'coming') return Promise.resolve()
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#request.resume()
      this.#checkLimit()
    })
  }

  #came(chunk: Buffer): void {
    if (this.#state !== 'coming') return
    const before = this.#length
    this.#join(chunk)
    this.#cameAt = this.#limits.elapsedMs()
    if (this.#length > this.#maxLength) this.#halt('too-large')
    else if (this.#share) {
      const charged = Math.max(0, this.#length - Math.max(before, freeBytes))
      if (charged > 0 && !this.#share.take(charged)) this.#halt('too-many')
    } else if (this.#endOfHello < 0) this.#seek()
  }

  /** Searches the newly received data for the end of the hello. */
  #seek(): void {
    const bytes = this.#bytes.subarray(0, this.#length)
    if (this.#start < 0) {
      this.#start = startOfLines(bytes)
      this.#searchedTo = this.#start
    }
    if (this.#start >= 0) {
      this.#endOfHello = bytes.indexOf(newline, this.#searchedTo)
      this.#searchedTo = this.#length
    }
    if (this.#endOfHello >= 0) this.#rest()
    else if (this.#length > maxFirstBytes) this.#halt('no-hello')
    else this.#unfinished.put(this, this.#length)
  }

  /** Pauses the request: the rest is read only when a caller asks for it. */
  #rest(): void {
    this.#maxLength = this.#endOfHello + 1 + this.#limits.maxBytes + formEndBytes
    this.#request.pause()
    this.#cancelLimit()
    this.#settle()
  }

  #halt(state: Halt): void {
    if (this.#state !== 'coming') return
    this.#state = state
    this.#cancelLimit()
    this.#settle()
  }

  #settle(): void {
    const resolve = this.#resolve
    this.#resolve = null
    resolve?.()
  }

  #checkLimit(): void {
    const { timeoutMs, elapsedMs, after } = this.#limits
    if (timeoutMs === Infinity) return
    const now = elapsedMs()
    // A hello is short: its deadline does not grow with its length.
    const untilAll = this.#startedAt + timeoutMs + (this.#share ? this.#length / minBytesPerMs : 0)
    const leftMs = Math.min(this.#cameAt + timeoutMs, untilAll) - now
    if (leftMs <= 0) this.#halt('slow')
    else this.#cancelLimit = after(leftMs, () => this.#checkLimit())
  }

  #join(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (this.#length === 0) this.#bytes = chunk
    else if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(minCapacity, length, Math.min(2 * length, this.#maxLength)))
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
      chunk.copy(grown, this.#length)
    } else chunk.copy(this.#bytes, this.#length)
    this.#length = length
  }

  #text(from = 0, to = this.#length): string {
    return this.#bytes.toString('utf8', from, to)
  }
}
