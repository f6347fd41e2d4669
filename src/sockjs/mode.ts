import type { Mode } from '../api/mode.ts'
import type { TransportSettings } from '../api/options.ts'
import type { Call, Link, Listener, Transport } from '../api/transport.ts'
import { plainProtocol } from '../protocols/plain.ts'
import { plainMode } from '../sending/plain-mode.ts'
import { reportOf } from '../transports/failure.ts'
import { numbers } from '../util/check-options.ts'
import { askInfo, callTo, type Info, mismatch } from './info.ts'
import { dialHttp, type HttpLink } from './over-http.ts'
import { dialWebsocket } from './over-websocket.ts'
import { newSession } from './place.ts'
import { TextSender } from './text-sender.ts'

/** How late a heartbeat may be, in milliseconds. */
const lateMs = 10_000

/**
 * The mode of a SockJS server, in place of plain mode: no message has an id, so nothing is resumed, and each dial is a session of
 * its own. `/info` is requested once, and again after a dial that failed before it was open.
 */
export function sockjsMode(heartbeatMs: number): Mode {
  let known: { readonly href: string; readonly info: Info } | null = null
  /** Whether heartbeats have come over a WebSocket: Spring sends visible ones, sockjs-node none, so silence may mean nothing. */
  let hasHeartbeats = false
  const transports: Readonly<Record<TransportSettings['type'], Transport>> = {
    websocket: transport({ type: 'websocket' }, overWebsocket, () => ({})),
    // Not the `eventsource` transport, in whose data servers escape percent signs differently.
    sse: transport({ type: 'sse', isHeld: true }, overHttp('xhr_streaming'), posting),
    'long-poll': transport({ type: 'long-poll', isHeld: true, isPolling: true }, overHttp('xhr'), posting),
    // SockJS has no poll that is answered at once, so this is another long-poll.
    poll: transport({ type: 'poll', isHeld: true, isPolling: true }, overHttp('xhr'), posting),
  }
  return {
    ...plainMode(plainProtocol(), null),
    name: 'sockjs',
    // As in sockjs-client: a load balancer may choose the node by a cookie.
    credentials: 'include',
    transport(settings, name) {
      numbers(name, settings, {}, ['type', 'url'])
      return transports[settings.type]
    },
    sender: (port) => new TextSender(port),
    heartbeat: () => (hasHeartbeats ? { intervalMs: heartbeatMs, timeoutMs: lateMs } : null),
    resumes: () => false,
    isResumed: () => false,
    activated() {
      hasHeartbeats = false
    },
  }

  function overWebsocket(call: Call, info: Info, listener: Listener): Link {
    if (!info.hasWebSocket) throw mismatch('its /info says that it has no WebSocket')
    return dialWebsocket(call, info.service, newSession(call.host), {
      ...listener,
      heard(isBeat) {
        hasHeartbeats ||= isBeat === true
        listener.heard(isBeat)
      },
    })
  }

  function overHttp(receiving: 'xhr_streaming' | 'xhr') {
    return (call: Call, info: Info, listener: Listener) =>
      dialHttp(call, info.service, newSession(call.host), listener, receiving, heartbeatMs + lateMs)
  }

  /** A transport that dials once `/info` is known. */
  function transport<Dialled extends Link>(
    about: Omit<Transport, 'dial'>,
    dial: (call: Call, info: Info, listener: Listener) => Dialled,
    more: (found: () => Dialled | null) => Partial<Link>,
  ): Transport {
    return {
      ...about,
      dial(call, listener) {
        let link: Dialled | null = null
        let isOpen = false
        const failed = (error: unknown) => {
          if (call.signal.aborted) return
          if (!isOpen) known = null
          listener.failed(reportOf(error, 'broken'))
        }
        const watched: Listener = {
          ...listener,
          opened(roundTripMs) {
            isOpen = true
            listener.opened(roundTripMs)
          },
          failed(report) {
            if (!isOpen) known = null
            listener.failed(report)
          },
        }
        const href = call.url.href
        const info = known?.href === href ? Promise.resolve(known.info) : askInfo(call, call.signal)
        info
          .then((found) => {
            if (call.signal.aborted) return
            known = { href, info: found }
            link = dial(callTo(call, found), found, watched)
          })
          .catch(failed)
        const found = () => link
        return linkTo(found, more(found))
      },
    }
  }
}

/** A link to a later dial; nothing is written before it is open. */
function linkTo<Dialled extends Link>(found: () => Dialled | null, more: Partial<Link>): Link {
  return {
    ...more,
    write: (data, signal, isLast) => there(found).write(data, signal, isLast),
    bufferedBytes: () => found()?.bufferedBytes() ?? 0,
    pollNow: () => found()?.pollNow?.(),
    close: (code, reason) => found()?.close(code, reason),
  }
}

function there<Dialled extends Link>(found: () => Dialled | null): Dialled {
  const link = found()
  if (!link) throw new Error('SockJS: nothing can be written before the session is open.')
  return link
}

function posting(found: () => HttpLink | null): Partial<Link> {
  return { isPosting: true, writeLines: (texts, signal, isLast) => there(found).writeLines(texts, signal, isLast) }
}
