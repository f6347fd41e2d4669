import type { ModeProtocol } from '../api/mode.ts'
import type { SessionProtocol } from '../api/options.ts'
import { sessionId, sessionMode } from '../session/session-mode.ts'
import { SessionState } from '../session/session-state.ts'
import type { Hello } from '../wire/steadfast-v1.ts'

/** The session of a socket (docs/PROTOCOL.md, rule 19): its hello offers the subprotocols, and once open it is never renewed. */
class SocketSession extends SessionState {
  readonly #protocols: readonly string[]

  constructor(id: string, protocols: readonly string[]) {
    super(id)
    this.#protocols = protocols
  }

  override hello(k: number, more: Partial<Hello>): Hello {
    return { ...super.hello(k, more), protocols: this.#protocols }
  }

  override renewOnce(id: string): boolean {
    return !this.opened && super.renewOnce(id)
  }
}

/** The protocol of one socket. `made` is called with its session. */
export function socketProtocol(
  protocols: readonly string[],
  made: (session: SessionState) => void,
): SessionProtocol & ModeProtocol {
  return {
    name: 'session',
    createMode(host) {
      const session = new SocketSession(sessionId(host), protocols)
      made(session)
      // Messages that a server has lost with the session must not be sent to another session.
      // A socket hangs up without a code (rule 19), so its application may close with any.
      return { ...sessionMode(host, false, session), hangUpCode: undefined }
    },
  }
}
