import type { CloseFrame } from './steadfast-v1.ts'

/** No server may keep a client waiting for longer than this, in milliseconds. */
export const longestMs = 86_400_000

/** @throws where what came off the wire is not as it has to be */
export function must(isSound: boolean): asserts isSound {
  if (!isSound) throw new TypeError('malformed')
}

/**
 * What came off the wire is JSON of whoever has sent it: each member is read by one of these, which throw where it is of another type.
 * So what goes on from there, to the application in the end, is what its type says.
 */
export function textOf(value: unknown): string {
  must(typeof value === 'string')
  return value
}

/** An offset, a code, or the number of a stream or of a message. */
export function countOf(value: unknown): number {
  must(typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
  return value
}

/** The same in digits. */
export function countIn(digits: string): number {
  must(/^\d+$/.test(digits))
  return countOf(+digits)
}

/** A time, in milliseconds; a day at most. */
export function msOf(value: unknown): number {
  must(typeof value === 'number' && value >= 0)
  return Math.min(value, longestMs)
}

/** How an attachment ends: of a frame, of a problem document, or of a Close frame's reason. */
export function closeOf({
  code,
  reason,
  retryAfterMs,
  application,
}: { readonly [Name in keyof CloseFrame]?: unknown }): Required<CloseFrame> {
  return {
    ...{ code: countOf(code), reason: textOf(reason ?? '') },
    ...{ retryAfterMs: msOf(retryAfterMs ?? 0), application: countOf(application ?? 0) },
  }
}
