import type { ClientCall } from '../../wire/calls.ts'
import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import { isTooLarge, queuedBytes } from '../calls/call-size.ts'
import { type Cursor, readFrame } from '../delivery/parse-frames.ts'
import type { Limits } from '../limits.ts'
import type { Payload } from '../store/ports.ts'
import { bytesOf, detachedText } from '../util/payload.ts'
import type { TimeSlices } from '../util/time-slices.ts'
import { overheadBytes } from './backlog.ts'

/** Messages with consecutive numbers, `null` for a withdrawn one; or one call. */
interface Run {
  readonly first: number
  readonly payloads: readonly (Payload | null)[]
  readonly call?: ClientCall
}

/** The contents of one POST. */
export interface PostBody {
  /** Whether the body has no lines. */
  readonly isEmpty: boolean
  /** In the order of the lines. */
  readonly runs: readonly Run[]
  readonly messages: number
  readonly bytes: number
  /** The highest turn; 0 for none. */
  readonly turn: number
  readonly cursor: Cursor | null
  readonly close: CloseFrame | null
}

/** After this many characters the reader checks whether its time slice is over; each line counts as some more. */
const checkSliceEvery = 16_384
const lineLength = 32

const malformed: CloseFrame = { code: codes.protocolError, reason: 'malformed line' }

/** Parses the lines of a body, in as many time slices as needed; returns the whole body, or its refusal. */
export async function readPostBody(lines: readonly string[], limits: Limits, slices: TimeSlices): Promise<PostBody | CloseFrame> {
  const runs: Run[] = []
  let [messages, bytes, turn, length] = [0, 0, 0, 0]
  let isEmpty = true
  let cursor: Cursor | null = null
  let close: CloseFrame | null = null
  for (const line of lines) {
    length += line.length + lineLength
    if (length > checkSliceEvery) {
      length = 0
      if (slices.isOver()) await slices.next()
    }
    if (line === '') continue
    isEmpty = false
    const frame = readFrame(detachedText(line))
    if (!frame) return malformed
    if (frame.type === 'too-many-messages') return { code: codes.tooMany, reason: 'too many messages at once' }
    if (frame.type === 'messages') {
      messages += frame.payloads.length
      for (const data of frame.payloads) {
        const size = bytesOf(data)
        if (size > limits.maxMessageBytes) return { code: codes.tooLarge, reason: 'a message is too large' }
        bytes += size
      }
      runs.push(frame)
    } else if (frame.type === 'call') {
      if (isTooLarge(frame, limits)) return { code: codes.tooLarge, reason: 'a message is too large' }
      messages += 1
      bytes += queuedBytes(frame.json, frame.call)
      runs.push({ first: frame.n, payloads: [frame.json], call: frame.call })
    } else if (frame.type === 'withdrawn') {
      messages += 1
      runs.push({ first: frame.n, payloads: [null] })
    } else if (frame.type === 'turn') turn = Math.max(turn, frame.turn)
    else if (frame.type === 'ack') cursor = frame.cursor
    else if (frame.type === 'close') close = frame.close
    // A body that cannot be enqueued anyway is not parsed further: its messages would only occupy memory.
    if (messages > 1 && bytes + messages * overheadBytes > limits.maxUnhandledBytes) break
  }
  return { isEmpty, runs, messages, bytes, turn, cursor, close }
}
