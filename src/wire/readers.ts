import type { CloseFrame } from './steadfast-v1.ts'

/** The longest time that a server may make a client wait, in milliseconds. */
export const longestMs = 86_400_000

/** @throws TypeError if data from the wire is malformed */
export function must(isSound: boolean): asserts isSound {
  if (!isSound) throw new TypeError('malformed')
}

/**
 * Data from the wire is untrusted JSON: each member is read by one of these functions, which throw if its type is wrong. So
 * everything behind them, up to the application, has the type that it declares.
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

/** The same from decimal digits. */
export function countIn(digits: string): number {
  must(/^\d+$/.test(digits))
  return countOf(+digits)
}

/** A time in milliseconds, limited to a day. */
export function msOf(value: unknown): number {
  must(typeof value === 'number' && value >= 0)
  return Math.min(value, longestMs)
}

/** Reads how an attachment ends, from a frame, a problem document, or a Close frame's reason. */
export function closeOf({
  code,
  reason,
  retryAfterMs,
  application,
}: { readonly [Name in keyof CloseFrame]?: unknown }): Required<CloseFrame> {
  return {
    code: countOf(code),
    reason: textOf(reason ?? ''),
    retryAfterMs: msOf(retryAfterMs ?? 0),
    application: countOf(application ?? 0),
  }
}
