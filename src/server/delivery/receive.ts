import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { NodeContext } from '../node/node-context.ts'
import type { Incoming, Source } from '../session/record.ts'
import type { Ending, Payload } from '../store/ports.ts'
import { bytesOf } from '../util/payload.ts'
import type { Carrier } from './carrier.ts'
import { type ClientFrame, type Cursor, readBinary, readFrame } from './parse-frames.ts'

/** The session on this node, as whoever listens to its client sees it. */
export interface Listening {
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
export interface Speaker extends Source {
  readonly live: Listening
  readonly carrier: Carrier
  readonly k: number
  readonly writtenThrough: number
  heardElsewhere(): void
  tell(frame: string): void
  hangUp(ending: Ending): void
  end(close: CloseFrame): void
  /** The client gives the credentials that it was asked for. */
  authenticate(auth: unknown): void
}

/** Takes what came over an attachment. Whatever is wrong with it ends that attachment alone. */
export function hear(speaker: Speaker, said: string | Uint8Array): void {
  const { live } = speaker
  const { limits } = live.node.settings
  const refuse = (code: number, reason: string) => speaker.end({ code, reason })
  speaker.heardElsewhere()
  if (said.length > limits.maxBatchBytes) {
    refuse(codes.tooLarge, 'the frame is too large')
    return
  }
  if (!live.mayReceive()) {
    speaker.end({ code: codes.tooMany, reason: 'too many frames', retryAfterMs: live.node.pauseMs() })
    return
  }
  const frame = typeof said === 'string' ? readFrame(said) : readBinary(said)
  if (frame) heed(speaker, frame)
  else refuse(codes.protocolError, 'malformed frame')
}

function heed(speaker: Speaker, frame: ClientFrame): void {
  const { live } = speaker
  switch (frame.type) {
    case 'messages':
      take(speaker, frame.first, frame.payloads)
      return
    case 'withdrawn':
      if (mayTake(speaker, 1, 0)) {
        live.enqueue({ n: frame.n, data: null, bytes: 0, source: speaker, redelivered: false })
        live.settle()
      }
      return
    case 'turn':
      live.confirm(frame.turn, speaker.k)
      return
    case 'ack':
      live.acknowledged(frame.cursor, speaker.writtenThrough)
      return
    case 'close':
      speaker.hangUp({ by: 'client', code: frame.close.code, reason: frame.close.reason ?? '' })
      return
    case 'ping':
      // Where it takes nothing, what waits to be written is answer enough.
      if (speaker.carrier.isDraining()) speaker.tell('q')
      return
    case 'credentials':
      speaker.authenticate(frame.auth)
      return
    case 'pong':
    case 'unknown':
      return
    default:
      frame satisfies never
  }
}

function take(speaker: Speaker, first: number, payloads: readonly Payload[]): void {
  const { live } = speaker
  const { maxMessageBytes } = live.node.settings.limits
  let bytes = 0
  let count = 0
  for (const data of payloads) {
    const length = bytesOf(data)
    if (length > maxMessageBytes) break
    bytes += length
    count += 1
  }
  if (!mayTake(speaker, count, bytes)) return
  for (let index = 0; index < count; index += 1) {
    const data = payloads[index] ?? ''
    live.enqueue({ n: first + index, data, bytes: count === 1 ? bytes : bytesOf(data), source: speaker, redelivered: false })
  }
  if (count < payloads.length) speaker.end({ code: codes.tooLarge, reason: 'the message is too large' })
  live.settle()
}

/** Whether so much more may wait for the handlers; if not, nothing of it is taken, and the attachment ends. */
function mayTake(speaker: Speaker, messages: number, bytes: number): boolean {
  const refusal = speaker.live.refusalOf(messages, bytes)
  if (refusal) speaker.end(refusal)
  return !refusal
}
