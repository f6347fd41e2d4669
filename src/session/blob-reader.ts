import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { Entry } from '../sending/outbox.ts'
import { nameOf } from '../util/type-tags.ts'
import { within } from '../util/within.ts'

export interface BlobReaderPort<Out> {
  readonly host: Host
  /** The timeout of reading one, in milliseconds, since later messages wait for it. */
  readonly writeTimeoutMs: number
  onRead(): void
  /** The `Blob` can no longer be read: it must not block later messages. */
  onUnreadable(entry: Entry<Out>, report: Report): void
}

/** Reads each queued `Blob` into its entry, since frames consist of bytes. */
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
