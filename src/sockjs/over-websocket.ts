import type { Call, Listener, Writable } from '../api/transport.ts'
import { dialSocket, type SocketLink } from '../transports/websocket.ts'
import { written } from './frames.ts'
import { mismatch } from './info.ts'
import { addressIn, type Session } from './place.ts'
import { Reading } from './reading.ts'

/** A session over a WebSocket: one frame per message, and no subprotocol, since no SockJS server has one. */
export function dialWebsocket(call: Call, service: URL, session: Session, listener: Listener): SocketLink {
  const reading = new Reading(call, listener)
  const link = dialSocket(call, listener, {
    address: () => ({ address: addressIn(service, session, 'websocket'), subprotocols: [] }),
    opened(roundTripMs) {
      reading.roundTripMs = roundTripMs
    },
    took(data) {
      if (typeof data !== 'string') throw mismatch('a frame is bytes')
      // Some servers send an empty message, which carries nothing.
      if (data !== '') reading.take(data)
    },
    closed: (code, reason, wasClean) => ({ kind: 'closed', code, reason, wasClean }),
  })
  return { ...link, write: (data: Writable) => link.write(written([textOf(data)])) }
}

/** @throws TypeError for bytes, which SockJS cannot carry */
export function textOf(data: Writable): string {
  if (typeof data !== 'string') throw new TypeError('SockJS carries text alone; encode bytes as text, in base64 for instance.')
  return data
}
