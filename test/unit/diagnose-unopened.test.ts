import { describe } from 'vitest'
import { asked, broken, closed, cut, type Given, heard, itJudges, type Row, timeout } from '../support/evidence.ts'

const sse = { transport: 'sse' } as const
const poll = { transport: 'long-poll' } as const
const session = { isSession: true } as const
const firefoxTls = { ...closed(1015, { wasClean: false }), engine: 'firefox' } as const
const mute = { kind: 'blocked', detail: 'an error and no close', how: 'mute' } as const
const thrown = { kind: 'blocked', detail: 'SecurityError', how: 'thrown' } as const
const secure = { url: 'http://api.example/realtime', isSecurePage: true } as const

const tls = ['tls.certificate', 'tls.handshake']
const behindName = ['net.dns', 'net.refused', 'net.reset']
const blockedBy = ['policy.csp', 'policy.mixed_content', 'policy.client_blocked']

const atFirst: readonly Row[] = [
  [cut, 'net.unreachable', 'possible', 'fallback'],
  [{ ...cut, ...session }, 'net.unreachable', 'possible', 'fallback'],
  // Before a connection has opened, only a server gives a reason whose frames have arrived: of a session, or of SockJS.
  [closed(4401), 'net.unreachable', 'possible', 'fallback'],
  [{ ...closed(4401), hasHeard: true }, 'close.4401', 'certain', 'stop', undefined, 'credentials'],
  [{ ...cut, hasHeard: true }, 'net.unreachable', 'possible', 'fallback'],
  // The handshake had succeeded.
  [{ ...closed(4000), ...session }, 'close.4000', 'certain', 'retry'],
  [{ ...broken, ...sse }, 'net.unreachable', 'possible', 'fallback'],
  // The loss of an open connection leads to a retry, not to a fallback.
  [{ ...broken, ...sse, phase: 'open' }, 'net.unreachable', 'possible', 'retry'],
  [firefoxTls, 'tls.failed', 'likely', 'fallback', tls],
  [timeout, 'net.timeout', 'likely', 'fallback', ['net.timeout', 'ws.upgrade_hang']],
  [{ ...timeout, ...sse }, 'net.timeout', 'likely', 'fallback'],
  [{ ...timeout, ...sse, phase: 'open' }, 'net.timeout', 'likely', 'retry'],
  [thrown, 'policy.blocked', 'possible', 'fallback', blockedBy],
  [mute, 'policy.client_blocked', 'likely', 'fallback'],
  [{ ...mute, engine: 'firefox' }, 'policy.client_blocked', 'likely', 'fallback'],
  [{ ...mute, engine: 'chromium' }, 'policy.csp', 'likely', 'fallback', undefined, 'not-offered'],
  [{ ...thrown, detail: 'NS_ERROR_CONTENT_BLOCKED' }, 'policy.csp', 'likely', 'fallback', undefined, 'not-offered'],
]

/** Requests that the browser itself blocked: no answer to a follow-up question changes the diagnosis. */
const forbidden: readonly Row[] = [{}, { followUp: heard(200) }, { followUp: asked({ isRedirect: true }) }].flatMap(
  (more): Row[] => [
    [{ ...cut, violation: 'connect-src', ...more }, 'policy.csp', 'certain', 'fallback', undefined, 'not-offered'],
    [{ ...thrown, violation: 'connect-src', ...more }, 'policy.csp', 'certain', 'fallback', undefined, 'not-offered'],
    ...['http://api.example:6667/', 'https://api.example:22/', 'http://api.example:10080/'].map(
      (address): Row => [
        { ...cut, url: address, ...more },
        'policy.blocked_port',
        'certain',
        'fallback',
        undefined,
        'not-offered',
      ],
    ),
    [{ ...thrown, ...secure, ...more }, 'policy.mixed_content', 'certain', 'fallback', undefined, 'not-offered'],
    [{ ...cut, ...secure, ...more }, 'policy.mixed_content', 'likely', 'fallback', undefined, 'not-offered'],
    [{ ...broken, ...sse, ...secure, ...more }, 'policy.mixed_content', 'likely', 'fallback', undefined, 'not-offered'],
  ],
)

const allowed: readonly Row[] = [
  ...['http://localhost/', 'http://127.0.0.1:8080/', 'http://127.8.9.10/', 'http://[::1]/', 'https://api.example/'].map(
    (address): Row => [{ ...cut, url: address, isSecurePage: true }, 'net.unreachable', 'possible', 'fallback'],
  ),
  [{ ...cut, url: secure.url }, 'net.unreachable', 'possible', 'fallback'],
  [{ ...cut, url: 'http://api.example:8080/' }, 'net.unreachable', 'possible', 'fallback'],
]

/** No answer to a follow-up question changes the diagnosis: what the browser reported says more. */
const unchanged: readonly Row[] = [heard(200), asked({ isRedirect: true }), asked({ page: 'failed' })].flatMap(
  (followUp): Row[] => [
    [{ ...thrown, followUp }, 'policy.blocked', 'possible', 'fallback', blockedBy],
    [{ ...mute, engine: 'chromium', followUp }, 'policy.csp', 'likely', 'fallback', undefined, 'not-offered'],
    [{ ...firefoxTls, followUp }, 'tls.failed', 'likely', 'fallback', tls],
  ],
)

/** The number of round trips before a request failed shows how far it got, also if the attempt itself timed out. */
const trips: readonly Row[] = [cut, timeout, { ...broken, ...sse }].flatMap((given) =>
  [{ address: 'https://api.example/', more: tls } as const, { address: 'http://api.example/', more: [] }].flatMap(
    ({ address, more }): Row[] => {
      const after = (elapsedMs: number, roundTripMs?: number): Given => ({
        ...given,
        url: address,
        ...(roundTripMs && { roundTripMs }),
        followUp: asked({ elapsedMs, page: 'none' }),
      })
      const last = ['policy.client_blocked', 'path.proxy_refused', 'path.intermediary', 'path.captive']
      const anything = ['net.refused', 'net.dns', ...more, 'net.reset', ...last]
      return [
        [after(59, 100), 'net.unreachable', 'likely', 'fallback', ['net.dns', ...last]],
        [after(60, 100), 'net.refused', 'likely', 'fallback', ['net.refused', 'net.reset', 'net.dns', ...last]],
        [after(164, 100), 'net.refused', 'likely', 'fallback', ['net.refused', 'net.reset', 'net.dns', ...last]],
        [after(165, 100), 'net.unreachable', 'likely', 'fallback', [...more, 'net.reset', ...last]],
        [after(299, 100), 'net.unreachable', 'likely', 'fallback', [...more, 'net.reset', ...last]],
        [after(300, 100), 'net.unreachable', 'possible', 'fallback', anything],
        // A round trip this short cannot be distinguished from noise.
        [after(1, 19), 'net.unreachable', 'possible', 'fallback', anything],
        [after(20, 20), 'net.refused', 'likely', 'fallback', ['net.refused', 'net.reset', 'net.dns', ...last]],
        [after(1), 'net.unreachable', 'possible', 'fallback', anything],
      ]
    },
  ),
)

const silences: readonly Row[] = [
  [
    { ...cut, elapsedMs: 2999, followUp: asked({ readable: 'silent', opaque: 'silent' }) },
    ...(['path.proxy_auth', 'possible', 'fallback', ['path.proxy_auth', 'ws.failed', ...tls, 'net.timeout']] as const),
  ],
  [
    { ...broken, ...sse, followUp: asked({ readable: 'silent', opaque: 'silent' }) },
    ...(['path.proxy_auth', 'possible', 'fallback', ['path.proxy_auth', 'ws.failed', ...tls, 'net.timeout']] as const),
  ],
  ...[{ ...cut, elapsedMs: 3000 }, timeout, { ...timeout, elapsedMs: 5 }].map(
    (given): Row => [
      { ...given, followUp: asked({ readable: 'silent', opaque: 'silent' }) },
      ...(['net.timeout', 'likely', 'fallback'] as const),
    ],
  ),
  ...[sse, poll].map(
    (more): Row => [
      { ...timeout, ...more, followUp: asked({ readable: 'silent', opaque: 'silent' }) },
      ...(['net.timeout', 'likely', 'fallback', ['net.timeout', 'sse.buffered', 'client.pool_exhausted']] as const),
    ],
  ),
  // Not even the page's own origin can be reached.
  [{ ...cut, followUp: asked({ page: 'failed' }) }, 'net.offline', 'likely', 'fallback', ['net.offline', ...behindName]],
  [{ ...timeout, followUp: asked({ page: 'failed' }) }, 'net.offline', 'likely', 'fallback', ['net.offline', ...behindName]],
  [{ ...cut, isOnline: false, followUp: asked({ page: 'failed' }) }, 'net.offline', 'certain', 'fallback'],
]

const printer = 'https://192.168.1.7/status'
const silent = { readable: 'silent', opaque: 'silent' } as const
const elsewhere = ['policy.client_blocked', 'path.proxy_refused', 'path.intermediary', 'path.captive']
const unreached = ['net.refused', 'net.dns', ...tls, 'net.reset', ...elsewhere]
const local = [{ url: printer }, { url: 'http://localhost:8080/', isSecurePage: true }, { url: 'http://127.0.0.1/' }]

const localNetwork: readonly Row[] = [
  ...local.map(
    (more): Row => [
      { ...cut, ...more, followUp: asked({ localAccess: 'denied' }) },
      ...(['policy.local_network', 'likely', 'fallback', ['policy.local_network', 'net.unreachable', ...behindName]] as const),
    ],
  ),
  // The browser asks the user, and holds the request meanwhile.
  ...[cut, timeout].map(
    (given): Row => [
      { ...given, url: printer, followUp: asked({ ...silent, localAccess: 'prompt' }) },
      ...(['policy.local_network', 'possible', 'fallback', ['policy.local_network', 'net.timeout']] as const),
    ],
  ),
  // The user may have dismissed the prompt; or there was none, because the page itself is on the local network by another name.
  [
    { ...cut, url: printer, followUp: asked({ localAccess: 'prompt' }) },
    ...(['net.unreachable', 'possible', 'fallback', [...unreached, 'policy.local_network']] as const),
  ],
  // Any host name may resolve to an address in the local network.
  [
    { ...cut, url: 'https://nas.example/', isSecurePage: true, followUp: asked({ localAccess: 'denied' }) },
    ...(['net.unreachable', 'possible', 'fallback', [...unreached, 'policy.local_network']] as const),
  ],
  // A page without TLS is always denied access to the local network.
  [
    { ...cut, url: 'https://nas.example/', followUp: asked({ localAccess: 'denied' }) },
    ...(['net.unreachable', 'possible', 'fallback', unreached] as const),
  ],
  [
    { ...timeout, url: 'https://nas.example/', isSecurePage: true, followUp: asked({ ...silent, localAccess: 'prompt' }) },
    ...(['net.timeout', 'likely', 'fallback'] as const),
  ],
  // While offline, a missing permission cannot be the cause.
  [
    { ...cut, url: printer, isOnline: false, followUp: asked({ page: 'failed', localAccess: 'denied' }) },
    ...(['net.offline', 'certain', 'fallback'] as const),
  ],
]

describe.each([
  ['a failure before any follow-up question', atFirst],
  ['a request that the browser forbids', forbidden],
  ['a request that the browser does not forbid', allowed],
  ["a report of the browser, which follow-up questions don't overrule", unchanged],
  ['the time that a follow-up question took to fail', trips],
  ['a follow-up question without an answer', silences],
  ['a server in the local network', localNetwork],
] as const)('%s', (_, rows) => {
  itJudges(rows)
})
