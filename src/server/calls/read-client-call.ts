import { type CallValue, type ClientCall, isSince, isTopicName, type ReadPlace } from '../../wire/calls.ts'
import { isRequestErrorCode } from '../../wire/request-error.ts'
import { shapeOf, shortLength } from '../delivery/json-shape.ts'

/** How many values, arrays and objects a long call may have: objects with keys of their own take over 1 µs each to parse. */
const maxValues = 16_384

const small = { values: 0, containers: 0 }

type Json = Readonly<Record<string, unknown>>

/** Parses the JSON of a client's call; `null` if it is invalid. */
export function readClientCall(json: string): ClientCall | null {
  const { values, containers } = json.length > shortLength ? shapeOf(json) : small
  if (values + containers > maxValues) return null
  let call: unknown
  try {
    call = JSON.parse(json)
  } catch {
    return null
  }
  return isObject(call) ? read(call) : null
}

function read(call: Json): ClientCall | null {
  const { type, topic, of, to, code, message } = call
  const value = readValue(call)
  if (!value) return null
  switch (type) {
    case 'request':
      return { type, ...value }
    case 'publish':
      return isTopicName(topic) ? { type, topic, ...value } : null
    case 'subscribe': {
      const { since, after, params } = call
      if (!isTopicName(topic) || !isSince(since) || !isPlace(after)) return null
      return { type, topic, since, after, params }
    }
    case 'unsubscribe':
    case 'members':
      return isTopicName(topic) ? { type, topic } : null
    case 'abort':
      return isCount(of) ? { type, of } : null
    case 'reply':
      return isId(to) ? { type, to, ...value } : null
    case 'error':
      return isId(to) && isRequestErrorCode(code as string) && typeof message === 'string'
        ? { type, to, code: code as string, message: message.slice(0, 1000) }
        : null
    default:
      return null
  }
}

function readValue({ data, utf8, base64 }: Json): CallValue | null {
  if ([data, utf8, base64].filter((each) => each !== undefined).length > 1) return null
  if (data !== undefined) return typeof data === 'string' ? { data } : null
  if (utf8 !== undefined) return isBase64(utf8) ? { utf8 } : null
  if (base64 === undefined) return {}
  return isBase64(base64) ? { base64 } : null
}

function isBase64(text: unknown): text is string {
  return typeof text === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
}

function isPlace(after: unknown): after is ReadPlace | undefined {
  if (after === undefined) return true
  if (!isObject(after)) return false
  const { epoch, offset, stream = 0, life = '-' } = after
  return isId(epoch) && isCount(offset) && isCount(stream) && isId(life)
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && /^[\w-]{1,64}$/.test(id)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
