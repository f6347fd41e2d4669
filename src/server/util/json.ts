import { bytesOf } from './payload.ts'

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
