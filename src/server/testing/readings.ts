import { match, ok } from 'node:assert/strict'
import type { Payload, Reading, ReadLimits } from '../store/ports.ts'
import { bytesOf } from './payload-samples.ts'

interface Placed {
  readonly offset: number
  readonly data?: Payload | undefined
}

/** Limits above what the cases write into one stream. */
export const everything: ReadLimits = { maxMessages: 1000, maxBytes: 10_000_000 }

/** Checks the invariants of every read. */
export function checkReading(reading: Reading<Placed>, after: number, limits: ReadLimits): void {
  const { epoch, messages, lostThrough, tail } = reading
  match(epoch, /^[\w-]{1,32}$/, 'an epoch consists of 1 to 32 letters, digits, `-` and `_`')
  ok(isOffset(lostThrough) && isOffset(tail), `lostThrough and tail are integers from 0 up, not ${lostThrough} and ${tail}`)
  ok(tail >= lostThrough, `the end of the stream, ${tail}, is not below what it has lost, ${lostThrough}`)
  let before = Math.max(after, lostThrough)
  let bytes = 0
  for (const { offset, data } of messages) {
    ok(isOffset(offset) && offset > before, `offsets rise, and are above ${after} and lostThrough ${lostThrough}: ${offset}`)
    before = offset
    bytes += bytesOf(data ?? '')
  }
  ok(messages.length === 0 || before <= tail, `the last message read, ${before}, is not behind the end of the stream, ${tail}`)
  ok(messages.length <= Math.max(1, limits.maxMessages), `${limits.maxMessages} messages were allowed, ${messages.length} read`)
  ok(messages.length < 2 || bytes <= limits.maxBytes, `${limits.maxBytes} bytes were allowed, ${bytes} read`)
}

export function isOffset(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/** Reads a stream to its end, with these limits for each read; checks each reading. */
export async function readAll<Entry extends Placed>(
  readAfter: (after: number, limits: ReadLimits) => Promise<Reading<Entry>>,
  after: number,
  limits: ReadLimits = everything,
): Promise<Entry[]> {
  const entries: Entry[] = []
  for (let position = after; ; ) {
    const reading = await readAfter(position, limits)
    checkReading(reading, position, limits)
    entries.push(...reading.messages)
    const last = reading.messages.at(-1)?.offset
    if (last === undefined || last === reading.tail) return entries
    position = last
  }
}
