import type { CloseFrame } from '../../wire/steadfast-v1.ts'

/**
 * How a carrier transmits: a `websocket` takes text and bytes as they are; a `stream` (an answer that stays open) and an `answer` (one
 * that ends with its first batch) take only what a line can hold.
 */
export type Medium = 'websocket' | 'stream' | 'answer'

/**
 * One connection to a client, as the node writes to it. The code that makes it reports to the `Attachment` what was received, that the
 * carrier drains again, and that it is over.
 */
export interface Carrier {
  readonly medium: Medium
  /** Writes a frame; bytes over a WebSocket only. */
  write(frame: string | Uint8Array): void
  /** Shows the client that the carrier is alive: a ping, or a comment where there is no ping. */
  heartbeat(): void
  /** Whether more may be written; when it turns true again, `Attachment.drained()` is to be called. */
  isDraining(): boolean
  /** Bytes received over it so far, if the client sends over it: a part of a long message is a sign of life too. */
  bytesReceived?(): number
  /** Bytes that were written and that the socket has not taken yet; about as many, where it is a text that counts. */
  unwrittenBytes?(): number
  /** Ends it with a close code, or without one if it is a complete answer. Nothing is written to it any more. */
  end(close?: CloseFrame): void
}
