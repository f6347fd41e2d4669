import { closeOf } from '../protocols/readers.ts'
import type { Session } from '../protocols/session.ts'
import { base64url } from '../protocols/session-frames.ts'
import { type CloseFrame, subprotocol } from '../protocols/wire.ts'
import { closed, mismatch, outdated, readFrame, withAttempt } from './session-carrier.ts'
import type { Transport } from './transport.ts'
import { dialSocket } from './websocket.ts'

/** A session over a WebSocket (docs/PROTOCOL.md): the hello travels in the handshake, so the first frame already answers it. */
export function sessionWebsocket(session: Session): Transport {
  return {
    type: 'websocket',
    canPing: true,
    dial(call, listener) {
      let roundTripMs: number | undefined
      let taken = 0
      let isOpen = false
      /** Where the bytes belong that come next; '' where they bring their place. */
      let place = ''
      const frames = {
        opened(frame: { readonly taken: number }) {
          isOpen = true
          taken = frame.taken
          listener.opened(roundTripMs)
        },
        received: listener.received,
        pinged: () => void link.write('q', call.signal),
        closed() {},
        outdated,
      }
      const link = dialSocket(call, listener, {
        address() {
          const { id, auth } = call
          const hello = JSON.stringify(session.hello(id, auth === undefined ? {} : { auth }))
          return {
            address: withAttempt(call),
            subprotocols: [subprotocol, `s.${base64url(new TextEncoder().encode(hello))}`],
          }
        },
        opened(ms, socket) {
          roundTripMs = ms
          if (socket.protocol !== subprotocol) throw mismatch('the handshake does not name it', true)
        },
        took(data) {
          const isText = typeof data === 'string'
          if (!isOpen && !(isText && data.startsWith('o'))) throw mismatch('its first frame is not `open`')
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
        choose: (turn) => void link.write(`t${turn}`, call.signal),
      }
    },
  }
}

/** A reason may be JSON that says more (rule 9). */
function closeFrame(code: number, reason: string): CloseFrame {
  try {
    const { reason: text, retryAfterMs } = JSON.parse(reason)
    return closeOf({ code, reason: text, retryAfterMs })
  } catch {
    return { code, reason }
  }
}
