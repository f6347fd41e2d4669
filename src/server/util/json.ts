import { bytesOf, kindOf } from './payload.ts'

/** The errors for a value that is to be stored as JSON. */
interface JsonFaults {
  /** The value has no JSON representation, as `undefined` or a function. */
  none(): TypeError
  /** Its JSON exceeds the limit. */
  tooLong(bytes: number): RangeError
}

/** A copy of a value through JSON, as another process would receive it. @throws the errors of `faults` */
export function jsonCopyOf(value: unknown, maxBytes: number, { none, tooLong }: JsonFaults): unknown {
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw none()
  const bytes = bytesOf(text)
  if (bytes > maxBytes) throw tooLong(bytes)
  return JSON.parse(text)
}

/** A copy of an application's session data. @throws TypeError or RangeError for an invalid value */
export function sessionDataOf(value: unknown, maxBytes: number): unknown {
  return jsonCopyOf(value, maxBytes, {
    none: () => new TypeError(`RealtimeServer: session.update() takes JSON; it was ${kindOf(value)}.`),
    tooLong: (bytes) =>
      new RangeError(`RealtimeServer: session.data would have ${bytes} bytes; limits.maxDataBytes allows ${maxBytes}.`),
  })
}
