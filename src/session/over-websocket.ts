import type { Transport } from '../api/transport.ts'
import { dialSocket } from '../transports/websocket.ts'
import { base64url } from '../wire/base64.ts'
import { closeOf } from '../wire/readers.ts'
import { type CloseFrame, subprotocol } from '../wire/steadfast-v1.ts'
import { closed, ended, helloOf, mismatch, outdated, readFrame, withAttempt } from './carrier.ts'
import { utf8 } from './frames.ts'
import type { SessionState } from './session-state.ts'

/** The longest hello in a header, in bytes: nginx and Apache accept lines of 8 KiB, and base64 makes it a third longer. */
const maxHeaderHello = 6000

/**
 * A session over a WebSocket (docs/PROTOCOL.md): the hello is sent in the handshake, so that the first frame already answers it;
 * one that is too long for that is sent as the first frame.
 */
export function sessionWebsocket(session: SessionState): Transport {
  return {
    type: 'websocket',
    canPing: true,
    dial(call, listener) {
      let roundTripMs: number | undefined
      let taken = 0
      let isOpen = false
      /** The place of the next binary frame; '' if it carries its own place. */
      let place = ''
      let hello = ''
      const frames = {
        opened(frame: { readonly taken: number }) {
          isOpen = true
          taken = frame.taken
          listener.opened(roundTripMs)
        },
        received: listener.received,
        pinged() {
          link.write('q')
          listener.heard(true)
        },
        challenged: listener.challenged,
        closed: ended,
        outdated,
      }
      const link = dialSocket(call, listener, {
        address() {
          hello = helloOf(session, call)
          const bytes = utf8(hello)
          const isShort = bytes.length <= maxHeaderHello
          if (isShort) hello = ''
          return { address: withAttempt(call), subprotocols: isShort ? [subprotocol, `s.${base64url(bytes)}`] : [subprotocol] }
        },
        opened(ms, socket) {
          roundTripMs = ms
          if (socket.protocol !== subprotocol) throw mismatch('the handshake does not name it', true)
          if (hello) socket.send(hello)
        },
        took(data) {
          const isText = typeof data === 'string'
          if (!isOpen && !(isText && /^[ox]/.test(data))) throw mismatch('its first frame opens no session')
          readFrame(() => {
            if (!isText) place = session.readBytes(data, frames, place)
            else if (data.startsWith('B')) place = data.slice(1)
            else session.readText(data, frames)
          })
        },
        closed: (code, reason, wasClean) => ({ ...closed(closeFrame(code, reason)), wasClean }),
      })
      return {
        ...link,
        taken: () => taken,
        choose: (turn) => void link.write(`t${turn}.${session.before}`),
        authenticate: (auth) => void link.write(`c${JSON.stringify({ auth })}`),
      }
    },
  }
}

/** The reason may be JSON with more members (rule 9). */
function closeFrame(code: number, reason: string): CloseFrame {
  try {
    const { reason: text, retryAfterMs } = JSON.parse(reason)
    return closeOf({ code, reason: text, retryAfterMs })
  } catch {
    return { code, reason }
  }
}
