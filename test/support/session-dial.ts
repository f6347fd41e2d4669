import type { Call, Link, Transport } from '../../src/api/transport.ts'
import { plain } from '../../src/protocols/plain.ts'
import { SessionState } from '../../src/session/session-state.ts'
import { type HandNetwork, handNetwork } from './hand-network.ts'
import { type ManualHostOptions, type ManualPage, manualPage } from './manual-host.ts'

export interface SessionDial extends ManualPage {
  readonly session: SessionState
  readonly network: HandNetwork
  readonly link: Link
  /** The reports of the transport, in order: `opened`, `heard`, messages as `<id>: <data>`, and failures. */
  readonly said: unknown[]
  /** The reports since the last call, without `heard`. */
  news(): unknown[]
  hangUp(): void
}

/** One dial of a session's transport, on a network played by the test. */
export function dialSession(
  make: (session: SessionState) => Transport,
  { host = {}, ...more }: Partial<Omit<Call, 'host'>> & { readonly host?: ManualHostOptions } = {},
  session = new SessionState('a-session-of-the-tests'),
): SessionDial {
  const page = manualPage(host)
  const network = handNetwork()
  const controller = new AbortController()
  const said: unknown[] = []
  const url = new URL('https://api.example/realtime?tenant=7')
  const call: Call = {
    url,
    sendUrl: url,
    headers: {},
    subprotocols: [],
    id: 3,
    attempt: 'random-name',
    credentials: 'include',
    protocol: plain(),
    cursor: () => null,
    host: { ...page.host, ...network.host },
    signal: controller.signal,
    ...more,
  }
  const link = make(session).dial(call, {
    opened: (roundTripMs) => void said.push(roundTripMs === undefined ? 'opened' : `opened in ${roundTripMs}`),
    heard: () => void said.push('heard'),
    received(message) {
      if (message.data === undefined) return
      const { id, data } = message
      said.push(typeof data === 'string' ? `${id}: ${data}` : [id, [...new Uint8Array(data)]])
    },
    moved: (cursor) => void said.push(['moved', cursor]),
    failed: (report) => void said.push(report),
  })
  return {
    ...page,
    session,
    network,
    link,
    said,
    news: () => said.splice(0).filter((each) => each !== 'heard'),
    hangUp: () => controller.abort(),
  }
}
