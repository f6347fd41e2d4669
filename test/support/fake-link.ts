import type { Delivery, Link, Writable } from '../../src/api/transport.ts'

/** A link like a WebSocket's: it buffers everything at once, and the network empties the buffer as the test says. */
export class FakeSocketLink implements Link {
  readonly written: Writable[] = []
  readonly closed: (readonly [code: number | undefined, reason: string])[] = []
  polls = 0
  buffered = 0
  /** Whether what is written stays in the buffer until `drain()`. */
  isStuck = false

  write(data: Writable): undefined {
    this.written.push(data)
    if (this.isStuck)
      this.buffered += typeof data === 'string' ? data.length : data instanceof ArrayBuffer ? data.byteLength : data.size
  }

  bufferedBytes(): number {
    return this.buffered
  }

  /** The network takes this many bytes out of the buffer. */
  drain(bytes = this.buffered): void {
    this.buffered -= bytes
  }

  pollNow(): void {
    this.polls += 1
  }

  close(code: number | undefined, reason: string): void {
    this.closed.push([code, reason])
  }
}

interface Post {
  readonly data: Writable
  readonly signal: AbortSignal
  readonly isLast: boolean
  settle(delivery: Delivery): void
}

/** A link that posts; the test answers each request. An aborted request reports nothing, as may happen in Node. */
export class FakePostLink implements Link {
  readonly isPosting = true
  readonly posts: Post[] = []
  readonly closed: (readonly [code: number | undefined, reason: string])[] = []

  get written(): Writable[] {
    return this.posts.map(({ data }) => data)
  }

  write(data: Writable, signal: AbortSignal, isLast = false): Promise<Delivery> {
    return new Promise((settle) => {
      this.posts.push({ data, signal, isLast, settle })
    })
  }

  /** The server answers the last request. */
  answer(outcome: Delivery['outcome'], status = 500): void {
    const report = { kind: 'answered', status, contentType: '' } as const
    this.posts.at(-1)?.settle(outcome === 'sent' ? { outcome } : { outcome, report })
  }

  bufferedBytes(): number {
    return 0
  }

  close(code: number | undefined, reason: string): void {
    this.closed.push([code, reason])
  }
}
