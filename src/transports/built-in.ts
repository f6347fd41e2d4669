import type { BuiltInTransport, TransportOptions } from '../api/options.ts'
import { numbers } from '../util/check-options.ts'
import { longPoll as longPollTransport, poll as pollTransport } from './polling.ts'
import { sse as sseTransport } from './sse.ts'
import { websocket } from './websocket.ts'

const httpPlace = ['type', 'url', 'sendUrl', 'sendBatch']

/** The transport WebSocket (RFC 6455), for the option `transports`. */
export function webSocket(options: TransportOptions<'websocket'> = {}): BuiltInTransport {
  return {
    settings: { ...options, type: 'websocket' },
    create(settings, name) {
      numbers(name, settings, {}, ['type', 'url', 'subprotocols'])
      return websocket()
    },
  }
}

/** The transport SSE (WHATWG HTML, "Server-sent events"), read with `fetch`; messages are sent by POST. */
export function sse(options: TransportOptions<'sse'> = {}): BuiltInTransport {
  return {
    settings: { ...options, type: 'sse' },
    create(settings, name, { connectTimeoutMs, isPatient }) {
      numbers(name, settings, {}, httpPlace)
      return sseTransport(connectTimeoutMs, isPatient)
    },
  }
}

/** The transport long-poll: requests that the server holds until it has a message. */
export function longPoll(options: TransportOptions<'long-poll'> = {}): BuiltInTransport {
  return {
    settings: { ...options, type: 'long-poll' },
    create: (settings, name, { connectTimeoutMs }) =>
      longPollTransport(numbers(name, settings, { timeoutMs: 20_000 }, httpPlace).timeoutMs, connectTimeoutMs),
  }
}

/** The transport poll: a request at every interval. */
export function poll(options: TransportOptions<'poll'> = {}): BuiltInTransport {
  return {
    settings: { ...options, type: 'poll' },
    create: (settings, name, { connectTimeoutMs }) =>
      pollTransport(numbers(name, settings, { intervalMs: 5000 }, httpPlace).intervalMs, connectTimeoutMs),
  }
}
