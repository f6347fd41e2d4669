import type { CloseFrame } from '../../wire/steadfast-v1.ts'

/**
 * How it carries: a `websocket` takes texts and bytes as they are; a `stream` (an answer that stays open) and an `answer`
 * (one that ends with its first batch) take only what a line can hold.
 */
export type Medium = 'websocket' | 'stream' | 'answer'

/**
 * One way to a client, as the node writes to it. Whoever makes it tells the `Attachment` what came in, that it drains again,
 * and that it is over.
 */
export interface Carrier {
  readonly medium: Medium
  /** Writes a frame; bytes over a WebSocket only. */
  write(frame: string | Uint8Array): void
  /** Shows that it lives: a ping, or a comment where there is none. */
  heartbeat(): void
  /** Whether more may be written; when it turns true again, `Attachment.drained()` is to be called. */
  isDraining(): boolean
  /** Bytes that have come over it so far, where it is one that a client sends over: part of a long message is a sign of life too. */
  bytesReceived?(): number
  /** Ends it, with a code or, an answer that is complete, without one. Nothing is written to it any more. */
  end(close?: CloseFrame): void
}
