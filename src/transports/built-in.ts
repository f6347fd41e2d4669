import type { BuiltInTransport, TransportOptions } from '../api/options.ts'
import { numbers } from '../util/check-options.ts'
import { longPoll as longPollTransport, poll as pollTransport } from './polling.ts'
import { sse as sseTransport } from './sse.ts'
import { websocket } from './websocket.ts'

const httpPlace = ['type', 'url', 'sendUrl', 'sendBatch']

/** WebSocket (RFC 6455), for the option `transports`. */
export function webSocket(options: TransportOptions<'websocket'> = {}): BuiltInTransport {
  return {
    settings: { ...options, type: 'websocket' },
    create(settings, name) {
      numbers(name, settings, {}, ['type', 'url', 'subprotocols'])
      return websocket()
    },
  }
}

/** Server-sent events (WHATWG HTML, "Server-sent events") over `fetch`, with a POST for each message sent. */
export function sse(options: TransportOptions<'sse'> = {}): BuiltInTransport {
  return {
    settings: { ...options, type: 'sse' },
    create(settings, name, { connectTimeoutMs, isPatient }) {
      numbers(name, settings, {}, httpPlace)
      return sseTransport(connectTimeoutMs, isPatient)
    },
  }
}

/** Requests that the server holds until it has something to say. */
export function longPoll(options: TransportOptions<'long-poll'> = {}): BuiltInTransport {
  return {
    settings: { ...options, type: 'long-poll' },
    create: (settings, name, { connectTimeoutMs }) =>
      longPollTransport(numbers(name, settings, { timeoutMs: 20_000 }, httpPlace).timeoutMs, connectTimeoutMs),
  }
}

/** A request from time to time. */
export function poll(options: TransportOptions<'poll'> = {}): BuiltInTransport {
  return {
    settings: { ...options, type: 'poll' },
    create: (settings, name, { connectTimeoutMs }) =>
      pollTransport(numbers(name, settings, { intervalMs: 5000 }, httpPlace).intervalMs, connectTimeoutMs),
  }
}
