import { Buffer } from 'node:buffer'
import { queuedBytes } from '../calls/call-size.ts'
import { readClientCall } from '../calls/read-client-call.ts'
import { appendForwarded, topicOf } from '../node/forwarded-log.ts'
import type { NodeContext } from '../node/node-context.ts'
import type { Ending, SessionRecord } from '../store/ports.ts'
import type { Incoming, Source } from './record.ts'

/** The most bytes of messages to forward in one batch, if that has more than one message. */
const maxBytes = 65_536
/** After this many milliseconds without progress everything is forwarded again: the log or the home may have lost it. */
const againAfterMs = 2000

/** A batch that one node forwards to the home of a pinned session: messages of its client, or the end by its client. */
export interface Forwarded {
  readonly session: string
  readonly epoch: string
  /** Each message's number and data, bytes as base64, `null` if the client has withdrawn it; and whether it is a call. */
  readonly messages: readonly (readonly [n: number, data: string | { readonly base64: string } | null, isCall?: true])[]
  readonly end?: Ending
}

/** Forwards what a pinned session's client sends to this node. Messages wait here until the record shows them as taken. */
export class Forwarder {
  readonly #node: NodeContext
  readonly #session: string
  readonly #epoch: string
  readonly #home: string
  /** Called when there may be more to forward. */
  readonly #forwarded: () => void
  /** The highest number forwarded so far. */
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
   * Forwards the waiting messages that it has not forwarded yet; the client's end of the session follows once all of them were
   * taken. Returns whether it forwards something again: then the record may show more than this node knows.
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
    appendForwarded(topics, topicOf(this.#home), JSON.stringify(forwarded))
      .then(() => {
        this.#isForwarding = false
        this.#through = Math.max(this.#through, last?.n ?? 0)
        this.#hasForwardedEnd ||= 'end' in end
        this.#forwardedAt = this.#node.elapsedMs()
        if (last) this.#forwarded()
      })
      .catch((error) => {
        this.#isForwarding = false
        host.report(error)
      })
    return isAgain
  }
}

/** The forwarding node repeats a message until the record shows it as taken. */
const repeating: Source = { isWithdrawn: false, outOfOrder() {}, inOrder() {} }

/** A forwarded message as its home queues it. */
export function incomingOf([n, given, isCall]: Forwarded['messages'][number]): Incoming {
  const data = typeof given === 'object' && given ? new Uint8Array(Buffer.from(given.base64, 'base64')) : given
  const call = (isCall && typeof data === 'string' && readClientCall(data)) || undefined
  return { n, data, bytes: queuedBytes(data, call), source: repeating, redelivered: false, call }
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
