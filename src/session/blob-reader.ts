import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { Entry } from '../sending/outbox.ts'
import { nameOf } from '../util/type-tags.ts'
import { within } from '../util/within.ts'

export interface BlobReaderPort<Out> {
  readonly host: Host
  /** How long one may take: what is behind it waits for it. */
  readonly writeTimeoutMs: number
  onRead(): void
  /** Nobody can read it any more: it must not hold up what is behind it. */
  onUnreadable(entry: Entry<Out>, report: Report): void
}

/** Reads each `Blob` that waits to be sent into its entry, since a frame takes bytes. */
export class BlobReader<Out> {
  readonly #port: BlobReaderPort<Out>
  #reading: AbortController | null = null

  constructor(port: BlobReaderPort<Out>) {
    this.#port = port
  }

  read(blob: Blob, entry: Entry<Out>): void {
    const { host, writeTimeoutMs, onRead, onUnreadable } = this.#port
    this.#reading ??= new AbortController()
    within(blob.arrayBuffer(), writeTimeoutMs, host, readTooLate, this.#reading.signal).then(
      (bytes) => {
        if (bytes) entry.data = bytes
        onRead()
      },
      (error: unknown) => {
        onUnreadable(entry, { kind: 'unreadable', detail: nameOf(error) })
        onRead()
      },
    )
  }

  stop(): void {
    this.#reading?.abort()
    this.#reading = null
  }
}

function readTooLate(): never {
  throw Object.assign(new Error(), { name: 'TimeoutError' })
}
