import type { Carrier } from './carrier.ts'

/** The length from which a heartbeat announces a frame, in characters or bytes. */
const longFrame = 131_072

/** Writes a frame. The client must not mistake the transfer time of a long one for silence (rule 7). */
export function writeFrame(carrier: Carrier, frame: string | Uint8Array): void {
  if (frame.length > longFrame) carrier.write(`h${JSON.stringify({ comingBytes: frame.length })}`)
  carrier.write(frame)
}
