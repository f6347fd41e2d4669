import { type ClientCall, callBytes } from '../../wire/calls.ts'
import { shapeOf } from '../delivery/json-shape.ts'
import type { Payload } from '../store/ports.ts'
import { bytesOf } from '../util/payload.ts'

/** The most bytes in a call's JSON besides its data: mainly the name of a topic. */
const maxBeside = 8192

/** What a value of parsed JSON takes in memory, in bytes, and what an array or object does besides: an empty object takes 67. */
const bytesOfValue = 40

/**
 * What a queued message takes in memory, in bytes; `null`: a withdrawn one. Of a call, only the parameters of a subscription are
 * kept as parsed JSON.
 */
export function queuedBytes(data: Payload | null, call?: ClientCall): number {
  if (data === null) return 0
  if (typeof data !== 'string' || call?.type !== 'subscribe' || call.params === undefined) return bytesOf(data)
  const { values, containers } = shapeOf(data)
  return bytesOf(data) + bytesOfValue * (values + containers)
}

/** Whether a call exceeds the limit of a message: its data counts, which takes a third more as base64 in its JSON. */
export function isTooLarge(
  { call, json }: { readonly call: ClientCall; readonly json: string },
  { maxMessageBytes }: { readonly maxMessageBytes: number },
): boolean {
  return callBytes(call, json, bytesOf) > maxMessageBytes || bytesOf(json) > (maxMessageBytes * 4) / 3 + maxBeside
}
