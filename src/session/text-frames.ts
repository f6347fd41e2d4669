import { closeOf, countIn, countOf, textOf } from '../wire/readers.ts'
import type { OpenFrame } from '../wire/steadfast-v1.ts'
import { bytesOfBase64, cut } from './frames.ts'
import type { FrameListener } from './session-port.ts'
import type { AnnounceFrame, GapFrame, WithdrawFrame } from './stream-cursors.ts'

/** The events of a server's text frames. */
export interface FrameTarget {
  open(json: OpenFrame, listener: FrameListener): void
  take(stream: number, offset: number, data: string | ArrayBuffer, listener: FrameListener): void
  call(stream: number, offset: number, json: string): void
  /** Messages up to n are acknowledged, and their answers end at offset `answeredAt` of stream 0. */
  acked(n: number, answeredAt: number): void
  rewind(n: number): void
  subscribed(json: AnnounceFrame): void
  unsubscribed(json: WithdrawFrame): void
  missed(json: GapFrame): void
  coming(bytes: number | undefined): void
}

/**
 * Reads a text frame of a server (docs/PROTOCOL.md, "Frames"); frames of an unknown kind are ignored.
 * @throws for an invalid frame
 */
export function readTextFrame(frame: string, target: FrameTarget, listener: FrameListener): void {
  const rest = frame.slice(1)
  switch (frame[0]) {
    case 'o':
      target.open(JSON.parse(rest), listener)
      break
    case 'm': {
      const [stream, offset, data] = placed(rest)
      target.take(stream, offset, data, listener)
      break
    }
    case 'M':
      for (const [stream, first, ...texts] of JSON.parse(rest) as unknown[][]) {
        for (let index = 0; index < texts.length; index += 1)
          target.take(countOf(stream), countOf(countOf(first) + index), textOf(texts[index]), listener)
      }
      break
    case 'b': {
      const [stream, offset, data] = placed(rest)
      target.take(stream, offset, bytesOfBase64(data).buffer, listener)
      break
    }
    case 'C': {
      const [stream, offset, json] = placed(rest)
      target.call(stream, offset, json)
      break
    }
    case 'a': {
      const [ack = '', answeredAt = '0'] = rest.split('.')
      target.acked(countIn(ack), countIn(answeredAt))
      break
    }
    case 'r':
      target.rewind(countIn(rest))
      break
    case 's':
      target.subscribed(JSON.parse(rest))
      break
    case 'u':
      target.unsubscribed(JSON.parse(rest))
      break
    case 'g':
      target.missed(JSON.parse(rest))
      break
    case 'h': {
      const { comingBytes } = JSON.parse(rest)
      target.coming(comingBytes === undefined ? undefined : countOf(comingBytes))
      break
    }
    case 'p':
      listener.pinged()
      break
    case 'c':
      listener.challenged?.()
      break
    case 'x':
      listener.closed(closeOf(JSON.parse(rest)))
      break
  }
}

/** Splits `0.14:…` into stream, offset, and the text after the colon. */
function placed(rest: string): [stream: number, offset: number, data: string] {
  const [place, data] = cut(rest, ':')
  const [stream, offset] = cut(place, '.')
  return [countIn(stream), countIn(offset), data]
}
