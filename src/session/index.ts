import type { ModeProtocol } from '../api/mode.ts'
import type { SessionProtocol } from '../api/options.ts'
import { browserTab } from '../host/tab.ts'
import { fail, failUnknown } from '../util/check-options.ts'
import { callsOf } from './calls.ts'
import { sessionId, sessionMode } from './session-mode.ts'
import { SessionState } from './session-state.ts'
import { TabKeeper } from './tab-keeper.ts'

export { RequestError, type RequestErrorCode } from '../wire/request-error.ts'

/** The options of a session. */
export interface SessionOptions {
  /**
   * Whether unacknowledged messages are sent again to a server that has lost the session; its handlers see them as `redelivered`.
   * Otherwise they are reported as `undelivered`. @defaultValue true
   */
  readonly resend?: boolean
  /**
   * `'tab'` keeps the session in `sessionStorage`, so that the page after a reload continues it (`open.restored`). A duplicate of
   * the tab gets a session of its own. Of several clients with the same URL in a tab, the last one is kept.
   * @defaultValue none: each page begins its own session
   */
  readonly storage?: 'tab'
  /**
   * Whether unacknowledged messages, up to 1 MiB, are stored as well when the page is left, and sent by the next page. The tab's
   * storage holds them unencrypted, as they were sent. Otherwise they are lost with the page. @defaultValue false
   */
  readonly storePayloads?: boolean
}

/**
 * Returns the protocol steadfast.v1, for a server with `steadfast/server`: messages are neither lost nor repeated, and keep their
 * order, across reconnects, changes of the transport and nodes of the server.
 *
 * @throws TypeError for an unknown or invalid option
 * @example
 * import { RealtimeClient } from 'steadfast'
 * import { session } from 'steadfast/session'
 *
 * const client = new RealtimeClient('/realtime', { protocol: session() })
 */
export function session(options: SessionOptions = {}): SessionProtocol {
  const { resend = true, storage, storePayloads = false, ...others } = options
  for (const [name, value] of Object.entries(others))
    failUnknown('session().', name, value, ['resend', 'storage', 'storePayloads'])
  if (typeof resend !== 'boolean') fail('session().resend', resend, 'a boolean')
  if (storage !== undefined && storage !== 'tab') fail('session().storage', storage, "'tab' or left out")
  if (typeof storePayloads !== 'boolean') fail('session().storePayloads', storePayloads, 'a boolean')
  if (storePayloads && !storage) fail('session().storePayloads', storePayloads, "left out where storage is not 'tab'")
  const protocol: SessionProtocol & ModeProtocol = {
    name: 'session',
    createMode(host, url) {
      const newId = () => sessionId(host)
      const session = new SessionState(newId())
      const { tab = browserTab } = host
      const keeper = storage && new TabKeeper({ host, tab, session, storesPayloads: storePayloads, url, newId })
      return sessionMode(host, resend, session, keeper, callsOf(session))
    },
  }
  return protocol
}
