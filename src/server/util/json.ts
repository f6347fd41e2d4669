import { bytesOf, kindOf } from './payload.ts'

/** What is wrong with a value that is to be kept as JSON. */
interface JsonFaults {
  /** It has no JSON, as `undefined` or a function. */
  none(): TypeError
  /** Its JSON has more bytes than are allowed. */
  tooLong(bytes: number): RangeError
}

/** A copy of a JSON value, as another process would have it. @throws what `faults` returns */
export function jsonCopyOf(value: unknown, maxBytes: number, { none, tooLong }: JsonFaults): unknown {
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw none()
  const bytes = bytesOf(text)
  if (bytes > maxBytes) throw tooLong(bytes)
  return JSON.parse(text)
}

/** A copy of what an application keeps with a session. @throws TypeError or RangeError for what cannot be kept */
export function sessionDataOf(value: unknown, maxBytes: number): unknown {
  return jsonCopyOf(value, maxBytes, {
    none: () => new TypeError(`RealtimeServer: session.update() takes JSON; it was ${kindOf(value)}.`),
    tooLong: (bytes) =>
      new RangeError(`RealtimeServer: session.data would have ${bytes} bytes; limits.maxDataBytes allows ${maxBytes}.`),
  })
}
