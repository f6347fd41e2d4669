import { type ClientCall, callBytes } from '../../wire/calls.ts'
import { bytesOf } from '../util/payload.ts'

/** The most bytes in a call's JSON besides its data: mainly the name of a topic. */
const maxBeside = 8192

/** Whether a call exceeds the limit of a message: its data counts, which takes a third more as base64 in its JSON. */
export function isTooLarge(
  { call, json }: { readonly call: ClientCall; readonly json: string },
  { maxMessageBytes }: { readonly maxMessageBytes: number },
): boolean {
  return callBytes(call, json, bytesOf) > maxMessageBytes || bytesOf(json) > (maxMessageBytes * 4) / 3 + maxBeside
}
