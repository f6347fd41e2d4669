import { type ClientCall, callBytes } from '../../wire/calls.ts'
import { bytesOf } from '../util/payload.ts'

/** What the JSON of a call may hold beside its data, in bytes: the name of a topic, above all. */
const mostBeside = 8192

/** Whether a call is larger than a message may be: its data counts, which takes a third more as the base64 in its JSON. */
export function isTooLarge(
  { call, json }: { readonly call: ClientCall; readonly json: string },
  { maxMessageBytes }: { readonly maxMessageBytes: number },
): boolean {
  return callBytes(call, json, bytesOf) > maxMessageBytes || bytesOf(json) > (maxMessageBytes * 4) / 3 + mostBeside
}
