import type { CallValue, ServerCall, Subscribed } from '../wire/calls.ts'
import { countOf, must, textOf } from '../wire/readers.ts'
import { isRequestErrorCode } from '../wire/request-error.ts'
import { epochOf } from './stream-cursors.ts'

/**
 * Checks an answer or a call of the server.
 * @throws for one that violates the protocol
 */
export function readServerCall(json: unknown): ServerCall {
  must(typeof json === 'object' && json !== null)
  const { type, to, id, code, message, value }: { readonly [Name in string]?: unknown } = { ...json }
  switch (type) {
    case 'reply':
      return { type, to: countOf(to), value, ...valueIn(json) }
    case 'error':
      must(isRequestErrorCode(code))
      return { type, to: countOf(to), code, message: textOf(message) }
    case 'request':
      return { type, id: textOf(id), ...valueIn(json) }
    default:
      must(type === 'abort')
      return { type, id: textOf(id) }
  }
}

function valueIn(json: object): CallValue {
  const { data, utf8, base64 }: { readonly [Name in keyof CallValue]?: unknown } = json
  if (data !== undefined) return { data: textOf(data) }
  if (utf8 !== undefined) return { utf8: textOf(utf8) }
  return base64 === undefined ? {} : { base64: textOf(base64) }
}

/**
 * Checks the result of a `subscribe` call.
 * @throws for one that violates the protocol
 */
export function readSubscribed(value: unknown): Subscribed {
  must(typeof value === 'object' && value !== null)
  const { epoch, from, at, tail }: { readonly [Name in keyof Subscribed]?: unknown } = value
  return { epoch: epochOf(epoch), from: countOf(from), at: countOf(at), tail: countOf(tail) }
}
