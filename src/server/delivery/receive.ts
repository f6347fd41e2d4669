import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import { isTooLarge, queuedBytes } from '../calls/call-size.ts'
import type { NodeContext } from '../node/node-context.ts'
import type { Incoming, Source } from '../session/record.ts'
import type { Ending, Payload } from '../store/ports.ts'
import { bytesOf } from '../util/payload.ts'
import type { Carrier } from './carrier.ts'
import { type ClientFrame, type Cursor, readBinary, readFrame } from './parse-frames.ts'

/** So many messages of a frame are taken in the same turn of the event loop. */
const manyMessages = 16_384

/** A session's input from its client on this node. */
export interface SessionInbox {
  readonly node: NodeContext
  /** Counts a frame; returns whether it is still within the permitted rate. */
  mayReceive(): boolean
  /** The refusal of this many messages, with this many bytes in total; `null` if they may be enqueued, which counts them. */
  refusalOf(messages: number, bytes: number): CloseFrame | null
  enqueue(message: Incoming): void
  settle(): void
  /** `before`: the highest number that the client wrote in an earlier life of the session (rule 4). */
  confirm(turn: number, k: number, before?: number): void
  /** The client has received stream 0 up to its cursor. Offsets above `written`, which were never sent to it, are ignored. */
  acknowledged(cursor: Cursor, written: number): void
}

/** The attachment over which the client sends. */
export interface ReceivingAttachment {
  readonly session: { readonly inbox: SessionInbox }
  readonly carrier: Carrier
  readonly k: number
  readonly writtenThrough: number
  /** The source of the messages that it brings. */
  readonly source: Source
  /** `null` unless the client's credentials have an expiry. */
  readonly reauthentication: { answered(auth: unknown): void } | null
  activity(): void
  writeControl(frame: string): void
  hangUp(ending: Ending): void
  end(close: CloseFrame): void
}

/** Receives a frame over an attachment. A malformed frame, or one above a limit, ends that attachment alone. */
export function receiveFrame(attachment: ReceivingAttachment, frame: string | Uint8Array): void {
  const { inbox } = attachment.session
  const { limits } = inbox.node.settings
  const refuse = (code: number, reason: string) => attachment.end({ code, reason })
  attachment.activity()
  if (frame.length > limits.maxBatchBytes) {
    refuse(codes.tooLarge, 'the frame is too large')
    return
  }
  if (!inbox.mayReceive()) {
    attachment.end({ code: codes.tooMany, reason: 'too many frames', retryAfterMs: inbox.node.pauseMs() })
    return
  }
  const parsed = typeof frame === 'string' ? readFrame(frame) : readBinary(frame)
  if (parsed) dispatch(attachment, parsed)
  else refuse(codes.protocolError, 'malformed frame')
}

function dispatch(attachment: ReceivingAttachment, frame: ClientFrame): void {
  const { inbox } = attachment.session
  switch (frame.type) {
    case 'messages':
      enqueue(attachment, frame.first, frame.payloads)
      return
    case 'call': {
      const { n, call, json } = frame
      if (isTooLarge(frame, inbox.node.settings.limits)) {
        attachment.end({ code: codes.tooLarge, reason: 'the message is too large' })
        return
      }
      const bytes = queuedBytes(json, call)
      if (!mayEnqueue(attachment, 1, bytes)) return
      inbox.enqueue({ n, data: json, bytes, source: attachment.source, redelivered: false, call })
      inbox.settle()
      return
    }
    case 'too-many-messages':
      attachment.end({ code: codes.tooMany, reason: 'too many messages at once', retryAfterMs: inbox.node.pauseMs() })
      return
    case 'withdrawn':
      if (mayEnqueue(attachment, 1, 0)) {
        inbox.enqueue({ n: frame.n, data: null, bytes: 0, source: attachment.source, redelivered: false })
        inbox.settle()
      }
      return
    case 'turn':
      inbox.confirm(frame.turn, attachment.k, frame.before)
      return
    case 'ack':
      inbox.acknowledged(frame.cursor, attachment.writtenThrough)
      return
    case 'close':
      attachment.hangUp({ by: 'client', code: frame.close.code, reason: frame.close.reason ?? '' })
      return
    case 'ping':
      // A full carrier has data to write, which answers the ping as well.
      if (attachment.carrier.isDraining()) attachment.writeControl('q')
      return
    case 'credentials':
      attachment.reauthentication?.answered(frame.auth)
      return
    case 'pong':
    case 'unknown':
      return
    default:
      frame satisfies never
  }
}

function enqueue(attachment: ReceivingAttachment, first: number, payloads: readonly Payload[]): void {
  const { inbox } = attachment.session
  const { maxMessageBytes } = inbox.node.settings.limits
  let bytes = 0
  let count = 0
  for (const data of payloads) {
    const length = bytesOf(data)
    if (length > maxMessageBytes) break
    bytes += length
    count += 1
  }
  if (!mayEnqueue(attachment, count, bytes)) return
  for (let index = 0; index < count; index += 1) {
    const data = payloads[index] ?? ''
    inbox.enqueue({
      n: first + index,
      data,
      bytes: count === 1 ? bytes : bytesOf(data),
      source: attachment.source,
      redelivered: false,
    })
  }
  if (count < payloads.length) attachment.end({ code: codes.tooLarge, reason: 'the message is too large' })
  // Taking a hundred thousand messages is as much work as parsing them, so other events are handled between the two.
  if (count <= manyMessages) inbox.settle()
  else
    inbox.node.slices
      .next()
      .then(() => {
        if (!inbox.node.isDown) inbox.settle()
      })
      .catch((error) => inbox.node.host.report(error))
}

/** Whether this many messages may wait for the handlers; if not, ends the attachment, and none of them is taken. */
function mayEnqueue(attachment: ReceivingAttachment, messages: number, bytes: number): boolean {
  const refusal = attachment.session.inbox.refusalOf(messages, bytes)
  if (refusal) attachment.end(refusal)
  return !refusal
}
