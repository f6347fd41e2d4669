import type { ModeProtocol } from '../api/mode.ts'
import type { SessionProtocol } from '../api/options.ts'
import { fail, failUnknown } from '../util/check-options.ts'
import { sessionMode } from './session-mode.ts'

export { RequestError, type RequestErrorCode } from '../wire/request-error.ts'

/** The options of a session. */
export interface SessionOptions {
  /**
   * Whether a server that has lost the session is sent again what it never acknowledged, which it then sees as `redelivered`.
   * Otherwise that is reported as `undelivered`. @defaultValue true
   */
  readonly resend?: boolean
}

/**
 * The protocol steadfast.v1, with `steadfast/server` behind it: nothing is lost or repeated, and the order is kept, across reconnects,
 * changes of transport and nodes of the server.
 *
 * @throws TypeError for an unknown option
 * @example
 * import { RealtimeClient } from 'steadfast'
 * import { session } from 'steadfast/session'
 *
 * const client = new RealtimeClient('/realtime', { protocol: session() })
 */
export function session(options: SessionOptions = {}): SessionProtocol {
  const { resend = true, ...others } = options
  for (const [name, value] of Object.entries(others)) failUnknown('session().', name, value, ['resend'])
  if (typeof resend !== 'boolean') fail('session().resend', resend, 'a boolean')
  const protocol: SessionProtocol & ModeProtocol = { name: 'session', createMode: (host) => sessionMode(host, resend) }
  return protocol
}
