import type { CloseFrame } from '../../wire/steadfast-v1.ts'

/**
 * How a carrier transmits: a `websocket` takes text and bytes as they are; a `stream` (a response that stays open) and an
 * `answer` (a response that ends with its first batch) take only single lines.
 */
export type Medium = 'websocket' | 'stream' | 'answer'

/**
 * One connection to a client, for writing. The code that creates it reports to the `Attachment` the frames received, that the
 * carrier drains again, and its end.
 */
export interface Carrier {
  readonly medium: Medium
  /** Writes a frame; bytes over a WebSocket only. */
  write(frame: string | Uint8Array): void
  /** Proves to the client that the carrier is alive: a ping, or a comment where there is no ping. */
  heartbeat(): void
  /** Whether more may be written; when it turns true again, the carrier's creator calls `Attachment.drained()`. */
  isDraining(): boolean
  /** Bytes received so far, if the client sends over this carrier: a part of a long message is a sign of life too. */
  bytesReceived?(): number
  /** Bytes that were written and that the socket has not accepted yet; approximate for text. */
  unwrittenBytes?(): number
  /** Ends the carrier with a close code, or without one if it is a complete answer. Nothing is written to it after that. */
  end(close?: CloseFrame): void
}
