import type { ClientCall } from '../../wire/calls.ts'
import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { Cursor } from '../delivery/parse-frames.ts'
import type { SessionInbox } from '../delivery/receive.ts'
import type { NodeContext } from '../node/node-context.ts'
import { abortEntry } from '../store/private-entries.ts'
import { bytesOf } from '../util/payload.ts'
import { type Forwarded, incomingOf } from './forwarder.ts'
import { confirmed, type Incoming, withRedeliveredThrough } from './record.ts'
import type { SessionProcessor } from './session-processor.ts'

/** A client's answer to a request of the server. */
interface Answer {
  readonly message: Incoming
  readonly call: Extract<ClientCall, { type: 'reply' | 'error' }>
}

/**
 * Receives what the client of one session sends to this node, over its attachments and in POSTs: limits its rate and size, and
 * passes it to the handler queue.
 */
export class Inbox implements SessionInbox {
  readonly #processor: SessionProcessor
  /** Frames and messages received, less those that the rate has permitted since: each tick subtracts its share. */
  #frames = 0
  #messages = 0
  /** Answers of the client to forward in a later time slice; `null` if there are none. */
  #answers: Answer[] | null = null
  /** The offset in stream 0 up to which the store has been trimmed. */
  #trimmedThrough = 0

  constructor(processor: SessionProcessor) {
    this.#processor = processor
  }

  get node(): NodeContext {
    return this.#processor.node
  }

  /** Whether nothing was received recently: then a tick has nothing to subtract. */
  get isQuiet(): boolean {
    return this.#frames === 0 && this.#messages === 0
  }

  /** The offset in stream 0 up to which the client has acknowledged on this node. */
  get acknowledgedThrough(): number {
    return this.#trimmedThrough
  }

  mayReceive(): boolean {
    this.#frames += 1
    return this.#frames <= 4 * this.node.settings.limits.framesPerSecond
  }

  refusalOf(messages: number, bytes: number): CloseFrame | null {
    const inAll = this.#messages + messages
    const reason =
      inAll > 4 * this.node.settings.limits.messagesPerSecond
        ? 'too many messages'
        : this.#processor.openQueue().pending.fits(messages, bytes)
          ? null
          : 'too much is not handled yet'
    if (reason !== null) return { code: codes.tooMany, reason, retryAfterMs: this.node.pauseMs() }
    this.#messages = inAll
    return null
  }

  enqueue(message: Incoming): void {
    this.node.meters.received(message.call && message.data !== null ? bytesOf(message.data) : message.bytes)
    this.#processor.openQueue().pending.add(message)
    if (message.call) this.#dispatch(message, message.call)
  }

  /** Aborts and answers concern running handlers, so they must not wait in the queue behind them. */
  #dispatch(message: Incoming, call: ClientCall): void {
    if (call.type === 'abort') this.abort(call.of)
    if (call.type !== 'reply' && call.type !== 'error') return
    if (this.#answers) this.#answers.push({ message, call })
    else this.#dispatchAll([{ message, call }]).catch((error) => this.node.host.report(error))
  }

  /** Forwards answers in time slices, since a body may hold a hundred thousand. `answers` grows meanwhile. */
  async #dispatchAll(answers: Answer[]): Promise<void> {
    const { id, node } = this.#processor
    this.#answers = answers
    for (const { message, call } of answers) {
      if (node.slices.isOver()) await node.slices.next()
      if (node.isDown) return
      message.isDispatched = true
      node.clientRequests.pass(id, call).catch((error) => {
        // The answer is forwarded again when its turn in the queue comes.
        message.isDispatched = false
        node.host.report(error)
      })
    }
    this.#answers = null
  }

  /** The client no longer waits for the reply to a request, which another node may be handling. */
  abort(of: number): void {
    const { id, node, known, queue } = this.#processor
    queue?.abort(of)
    if (!known?.lease || node.isHolder(known)) return
    Promise.resolve(node.sessions.append(id, known.epoch, abortEntry(of))).catch((error) => node.host.report(error))
  }

  /** Adds what another node has forwarded; it forwards again what does not fit. */
  forwarded({ messages, end }: Forwarded): void {
    const { pending } = this.#processor.openQueue()
    for (const message of messages.map(incomingOf)) if (pending.fits(1, message.bytes)) pending.add(message)
    if (end) this.#processor.finish(end)
    else this.settle()
  }

  /** A source has withdrawn this many of its messages. */
  withdrawn(messages: number): void {
    this.#processor.queue?.pending.withdrawn(messages)
  }

  settle(): void {
    this.#processor.writer.settle()
  }

  confirm(turn: number, k: number, before = 0): void {
    const { record } = this.#processor
    if (turn <= record.turn && before <= record.redeliveredThrough) return
    this.#processor.writer.amend((record) => confirmed(withRedeliveredThrough(record, before), turn, k))
  }

  acknowledged(cursor: Cursor, written: number): void {
    const { id, record } = this.#processor
    const place = cursor.get(0)
    if (!place || place.epoch !== record.epoch) return
    const through = Math.min(place.offset, written)
    if (through <= this.#trimmedThrough) return
    this.#trimmedThrough = through
    this.node.unread.acknowledged(id, record.epoch, through)
    this.node.sessions.trim(id, through).catch((error) => this.node.host.report(error))
  }

  /** The session was created anew, with another stream 0. */
  restart(): void {
    this.#trimmedThrough = 0
  }

  /** Called every `tickMs`. */
  tick(): void {
    const { tickMs, limits } = this.node.settings
    this.#frames = Math.max(0, this.#frames - (limits.framesPerSecond * tickMs) / 1000)
    this.#messages = Math.max(0, this.#messages - (limits.messagesPerSecond * tickMs) / 1000)
  }
}
