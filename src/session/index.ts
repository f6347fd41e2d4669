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
   * Whether a server that has lost the session is sent again what it never acknowledged, which it then sees as `redelivered`.
   * Otherwise that is reported as `undelivered`. @defaultValue true
   */
  readonly resend?: boolean
  /**
   * `'tab'`: the session is kept in `sessionStorage`, so that the page after a reload goes on with it (`open.restored`). A copy of the tab
   * has a session of its own. Of several clients with one URL in a tab the last one is kept. @defaultValue none: a page has a session of its own
   */
  readonly storage?: 'tab'
  /**
   * Whether what the server has not acknowledged is kept as well when the page goes away, up to 1 MiB, and sent by the next page. It lies
   * in the tab's storage as it was sent. Otherwise it is lost with the page. @defaultValue false
   */
  readonly storePayloads?: boolean
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
