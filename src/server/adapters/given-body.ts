import { Buffer } from 'node:buffer'
import { linesOf } from './body-lines.ts'
import { type Body, type BodySource, type FirstLine, formEndBytes, maxFirstBytes } from './request-body.ts'

/** A body that a body parser had read before the request reached this server. */
export class GivenBody implements BodySource {
  readonly #lines: readonly string[]
  readonly #isTooLarge: boolean

  constructor(text: string, maxBytes: number) {
    const isFar = text.length > maxFirstBytes + maxBytes + formEndBytes
    this.#lines = isFar ? [] : (linesOf(text) ?? [])
    const bytes = this.#lines.slice(1).reduce((sum, line) => sum + 1 + Buffer.byteLength(line), 0)
    this.#isTooLarge = isFar || bytes > maxBytes + formEndBytes
  }

  async hello(): Promise<FirstLine> {
    return this.#isTooLarge ? { type: 'too-large' } : { type: 'hello', text: this.#lines[0] ?? '' }
  }

  async whole(): Promise<Body> {
    return { type: 'whole', lines: this.#lines }
  }
}
