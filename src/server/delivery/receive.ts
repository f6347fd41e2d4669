import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { NodeContext } from '../node/node-context.ts'
import type { Incoming, Source } from '../session/record.ts'
import type { Ending, Payload } from '../store/ports.ts'
import { bytesOf } from '../util/payload.ts'
import type { Carrier } from './carrier.ts'
import { type ClientFrame, type Cursor, readBinary, readFrame } from './parse-frames.ts'

/** The session on this node, as whoever listens to its client sees it. */
export interface SessionInbox {
  readonly node: NodeContext
  /** Whether a frame more may come, which is counted. */
  mayReceive(): boolean
  /** Why so many messages may not be enqueued, with so many bytes in all; `null` if they may, and they are counted. */
  refusalOf(messages: number, bytes: number): CloseFrame | null
  enqueue(message: Incoming): void
  settle(): void
  confirm(turn: number, k: number): void
  /** The client has all of stream 0 up to its cursor. `written` keeps it from claiming what it was never sent. */
  acknowledged(cursor: Cursor, written: number): void
}

/** The attachment on which the client speaks. */
export interface FrameSource extends Source {
  readonly inbox: SessionInbox
  readonly carrier: Carrier
  readonly k: number
  readonly writtenThrough: number
  activity(): void
  tell(frame: string): void
  hangUp(ending: Ending): void
  end(close: CloseFrame): void
  /** The client gives the credentials that it was asked for. */
  authenticate(auth: unknown): void
}

/** Takes what came over an attachment. Whatever is wrong with it ends that attachment alone. */
export function receiveFrame(source: FrameSource, frame: string | Uint8Array): void {
  const { inbox } = source
  const { limits } = inbox.node.settings
  const refuse = (code: number, reason: string) => source.end({ code, reason })
  source.activity()
  if (frame.length > limits.maxBatchBytes) {
    refuse(codes.tooLarge, 'the frame is too large')
    return
  }
  if (!inbox.mayReceive()) {
    source.end({ code: codes.tooMany, reason: 'too many frames', retryAfterMs: inbox.node.pauseMs() })
    return
  }
  const parsed = typeof frame === 'string' ? readFrame(frame) : readBinary(frame)
  if (parsed) dispatch(source, parsed)
  else refuse(codes.protocolError, 'malformed frame')
}

function dispatch(source: FrameSource, frame: ClientFrame): void {
  const { inbox } = source
  switch (frame.type) {
    case 'messages':
      enqueue(source, frame.first, frame.payloads)
      return
    case 'withdrawn':
      if (mayEnqueue(source, 1, 0)) {
        inbox.enqueue({ n: frame.n, data: null, bytes: 0, source, redelivered: false })
        inbox.settle()
      }
      return
    case 'turn':
      inbox.confirm(frame.turn, source.k)
      return
    case 'ack':
      inbox.acknowledged(frame.cursor, source.writtenThrough)
      return
    case 'close':
      source.hangUp({ by: 'client', code: frame.close.code, reason: frame.close.reason ?? '' })
      return
    case 'ping':
      // Where it takes nothing, what waits to be written is answer enough.
      if (source.carrier.isDraining()) source.tell('q')
      return
    case 'credentials':
      source.authenticate(frame.auth)
      return
    case 'pong':
    case 'unknown':
      return
    default:
      frame satisfies never
  }
}

function enqueue(source: FrameSource, first: number, payloads: readonly Payload[]): void {
  const { inbox } = source
  const { maxMessageBytes } = inbox.node.settings.limits
  let bytes = 0
  let count = 0
  for (const data of payloads) {
    const length = bytesOf(data)
    if (length > maxMessageBytes) break
    bytes += length
    count += 1
  }
  if (!mayEnqueue(source, count, bytes)) return
  for (let index = 0; index < count; index += 1) {
    const data = payloads[index] ?? ''
    inbox.enqueue({ n: first + index, data, bytes: count === 1 ? bytes : bytesOf(data), source, redelivered: false })
  }
  if (count < payloads.length) source.end({ code: codes.tooLarge, reason: 'the message is too large' })
  inbox.settle()
}

/** Whether so much more may wait for the handlers; if not, nothing of it is taken, and the attachment ends. */
function mayEnqueue(source: FrameSource, messages: number, bytes: number): boolean {
  const refusal = source.inbox.refusalOf(messages, bytes)
  if (refusal) source.end(refusal)
  return !refusal
}
