import type { Host } from '../api/host.ts'
import type { Mode } from '../api/mode.ts'
import type { TransportSettings } from '../api/options.ts'
import type { Call, Transport } from '../api/transport.ts'
import { plainProtocol } from '../protocols/plain.ts'
import { numbers } from '../util/check-options.ts'
import { base64url } from '../wire/base64.ts'
import { codes } from '../wire/steadfast-v1.ts'
import { heartbeatOf, spreadMsOf } from './open-frame.ts'
import { postLast, sessionLongPoll, sessionPoll, sessionSse } from './over-http.ts'
import { sessionWebsocket } from './over-websocket.ts'
import { SessionSender } from './session-sender.ts'
import { SessionState } from './session-state.ts'
import type { TabKeeper } from './tab-keeper.ts'

/** A random id of 128 bits. */
export function sessionId(host: Host): string {
  return base64url(host.randomBytes(16))
}

/** The mode of a session, with its state. */
export interface SessionMode extends Mode {
  readonly session: SessionState
  readonly resends: boolean
}

/** The mode of a session: unacknowledged messages are kept, and sent again over the next connection. */
export function sessionMode(
  host: Host,
  resends: boolean,
  session = new SessionState(sessionId(host)),
  keeper?: TabKeeper,
  calls?: SessionMode['calls'],
): SessionMode {
  /** The last call that was activated. */
  let lastCall: Call | null = null
  return {
    session,
    resends,
    name: 'session',
    protocol: plainProtocol(),
    credentials: 'include',
    circumstances: { isSession: true },
    hasLedger: true,
    canPause: true,
    recognizesRepeats: true,
    hasCursor: true,
    hangUpCode: codes.hungUp,
    // `open` is already an answer of the server.
    canPing: true,
    isProvenByReply: false,
    transport: (settings, name, connectTimeoutMs) => transportOf(session, settings, name, connectTimeoutMs),
    mistakeIn: ({ greeting, headers = {} }) =>
      greeting !== undefined || Object.keys(headers).length
        ? "headers or a greeting, which a session has no use for: return auth, which its server's authenticate() is given"
        : undefined,
    sender(port) {
      const made = new SessionSender({
        ...port,
        session,
        resends,
        postLast: (lines, signal) => lastCall && postLast(session, lastCall, lines, signal),
      })
      keeper?.attach({ sender: made, note: port.onNote })
      return made
    },
    calls,
    admit: keeper && (() => keeper.admit()),
    openDetails: () => keeper?.openDetails() ?? {},
    heartbeat: () => heartbeatOf(session.opened),
    ping: () => 'p',
    heartbeatReply: undefined,
    graceMs: () => session.graceMs(),
    spreadMs: () => spreadMsOf(session.opened),
    resumes: () => true,
    isResumed: () => session.isResumed,
    isForgotten: () => !session.isResumed,
    isDivided: () => session.stores.isDivided,
    lastEnd: () => session.opened?.lastEnd,
    activated(link, call) {
      lastCall = call
      session.turn += 1
      session.journal?.beforeSend()
      link.choose?.(session.turn)
    },
    authenticated(auth) {
      if (lastCall) lastCall = { ...lastCall, auth }
    },
    fellSilent: () => session.fellSilent(),
    beginsAnewAfter(code) {
      const isRenewed = code === codes.protocolError && session.renewOnce(sessionId(host))
      if (isRenewed) keeper?.renewed()
      return isRenewed
    },
    begin: () => (session.shared.isKept ? session.goOn() : session.begin(sessionId(host))),
    end() {
      session.end()
      keeper?.end()
    },
  }
}

/** A session's transports share one URL and use subprotocols of their own, and its server decides how long a request is held. */
function transportOf(session: SessionState, settings: TransportSettings, name: string, connectTimeoutMs: number): Transport {
  const place = ['type', 'url']
  if (settings.type === 'poll')
    return sessionPoll(session, numbers(name, settings, { intervalMs: 5000 }, place).intervalMs, connectTimeoutMs)
  numbers(name, settings, {}, place)
  if (settings.type === 'websocket') return sessionWebsocket(session)
  return settings.type === 'sse' ? sessionSse(session) : sessionLongPoll(session, connectTimeoutMs)
}
