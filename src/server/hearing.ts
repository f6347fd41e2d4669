import { type CloseFrame, codes } from '../protocols/wire.ts'
import { type ClientFrame, type Cursor, readBinary, readFrame } from './client-frames.ts'
import type { NodeContext } from './node-context.ts'
import type { Ending, Payload } from './ports.ts'
import type { Incoming, Source } from './record.ts'
import { bytesOf } from './texts.ts'

/** The session on this node, as whoever listens to its client sees it. */
export interface Listening {
  readonly node: NodeContext
  /** More waits for the handlers than may. */
  readonly isOverfull: boolean
  mayReceive(): boolean
  enqueue(message: Incoming): void
  settle(): void
  confirm(turn: number, k: number): void
  /** The client has all of stream 0 up to its cursor. `written` keeps it from claiming what it was never sent. */
  acknowledged(cursor: Cursor, written: number): void
}

/** The attachment on which the client speaks. */
export interface Speaker extends Source {
  readonly live: Listening
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
      live.enqueue({ n: frame.n, data: null, bytes: 0, source: speaker })
      live.settle()
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
      speaker.tell('q')
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
  let n = first
  for (const data of payloads) {
    const bytes = bytesOf(data)
    if (bytes > live.node.settings.limits.maxMessageBytes) {
      speaker.end({ code: codes.tooLarge, reason: 'the message is too large' })
      break
    }
    live.enqueue({ n, data, bytes, source: speaker })
    n += 1
  }
  if (live.isOverfull)
    speaker.end({ code: codes.tooMany, reason: 'too much is not handled yet', retryAfterMs: live.node.pauseMs() })
  live.settle()
}
