import { Buffer } from 'node:buffer'
import { readClientCall } from '../calls/read-client-call.ts'
import { appendForwarded, topicOf } from '../node/forwarded-log.ts'
import type { NodeContext } from '../node/node-context.ts'
import type { Ending, SessionRecord } from '../store/ports.ts'
import { bytesOf } from '../util/payload.ts'
import type { Incoming, Source } from './record.ts'

/** How many bytes of messages are forwarded at once, if there is more than one message. */
const maxBytes = 65_536
/** After this time without progress everything is forwarded again, in milliseconds: the log may have lost it, or the node may have. */
const againAfterMs = 2000

/** What one node forwards to the home of a pinned session: messages of its client, or how that has ended the session. */
export interface Forwarded {
  readonly session: string
  readonly epoch: string
  /** The number and the data of each, bytes as base64; `null` where the client has withdrawn it; and whether it is a call. */
  readonly messages: readonly (readonly [n: number, data: string | { readonly base64: string } | null, isCall?: true])[]
  readonly end?: Ending
}

/** Forwards what the client of one pinned session sends to this node. Its messages wait here until the record shows that they were taken. */
export class Forwarder {
  readonly #node: NodeContext
  readonly #session: string
  readonly #epoch: string
  readonly #home: string
  /** Called when there may be more to forward. */
  readonly #forwarded: () => void
  /** The highest number that was forwarded. */
  #through = 0
  #hasForwardedEnd = false
  #forwardedAt: number | null = null
  #isForwarding = false

  constructor(node: NodeContext, session: string, record: SessionRecord, home: string, forwarded: () => void) {
    this.#node = node
    this.#session = session
    this.#epoch = record.epoch
    this.#home = home
    this.#forwarded = forwarded
  }

  /** Whether it forwards to the home that the record names. */
  isFor({ epoch, lease }: SessionRecord): boolean {
    return epoch === this.#epoch && lease?.node === this.#home
  }

  /**
   * Forwards what of the waiting messages was not forwarded yet; the client's end of the session follows once all of them were taken.
   * Returns whether it forwards something again: the record may show more than this node knows.
   */
  forward(waiting: readonly Incoming[], wantedEnd: Ending | null): boolean {
    if (this.#isForwarding) return false
    const isAgain = this.#forwardedAt !== null && this.#node.elapsedMs() - this.#forwardedAt >= againAfterMs
    if (isAgain) {
      this.#through = 0
      this.#hasForwardedEnd = false
    }
    const batch = batchOf(waiting.filter(({ n }) => n > this.#through))
    const last = batch.at(-1)
    const end = waiting.length === 0 && wantedEnd && !this.#hasForwardedEnd ? { end: wantedEnd } : {}
    if (!last && !('end' in end)) return false
    const { topics, host } = this.#node
    const forwarded: Forwarded = { session: this.#session, epoch: this.#epoch, messages: batch.map(entryOf), ...end }
    this.#isForwarding = true
    appendForwarded(topics, topicOf(this.#home), JSON.stringify(forwarded)).then(
      () => {
        this.#isForwarding = false
        this.#through = Math.max(this.#through, last?.n ?? 0)
        this.#hasForwardedEnd ||= 'end' in end
        this.#forwardedAt = this.#node.elapsedMs()
        if (last) this.#forwarded()
      },
      (error) => {
        this.#isForwarding = false
        host.report(error)
      },
    )
    return isAgain
  }
}

/** The node that forwarded a message repeats it until the record shows that it was taken. */
const repeating: Source = { isWithdrawn: false, outOfOrder() {}, inOrder() {} }

/** A forwarded message as its home queues it. */
export function incomingOf([n, given, isCall]: Forwarded['messages'][number]): Incoming {
  const data = typeof given === 'object' && given ? new Uint8Array(Buffer.from(given.base64, 'base64')) : given
  const call = isCall && typeof data === 'string' ? readClientCall(data) : null
  return { n, data, bytes: data === null ? 0 : bytesOf(data), source: repeating, redelivered: false, ...(call && { call }) }
}

function batchOf(messages: readonly Incoming[]): readonly Incoming[] {
  let bytes = 0
  const end = messages.findIndex((message, index) => {
    bytes += message.bytes
    return index > 0 && bytes > maxBytes
  })
  return end < 0 ? messages : messages.slice(0, end)
}

function entryOf({ n, data, call }: Incoming): Forwarded['messages'][number] {
  if (call && typeof data === 'string') return [n, data, true]
  return [
    n,
    typeof data === 'string' || data === null
      ? data
      : { base64: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') },
  ]
}
