import { describe, expect, it } from 'vitest'
import { diagnose } from '../../src/diagnosis/diagnose.ts'
import {
  answered,
  asked,
  broken,
  cut,
  evidenceOf,
  type Given,
  heard,
  itJudges,
  type Row,
  recorded,
  timeout,
} from '../support/evidence.ts'

const sse = { transport: 'sse' } as const
const poll = { transport: 'long-poll' } as const
const session = { isSession: true } as const
const repeated = { isRepeated: true } as const

const boxes = ['path.intermediary', 'path.captive']
const redirect = ['http.redirect', 'path.captive', 'path.intermediary']
const page = ['http.not_realtime', 'path.captive', 'path.intermediary']
const socketFaults = ['ws.upgrade_blocked', 'ws.upgrade_stripped', 'ws.bad_handshake', 'ws.subprotocol']
/** Without CORS the page cannot distinguish these. */
const hiddenStatuses = [401, 403, 404, 400, 429, 500, 503].map((status) => `http.${status}`).concat('http.redirect')
const noLedger = [...socketFaults, 'policy.client_blocked', 'http.401', 'http.403', 'http.426', 'net.reset']

const answers: readonly Row[] = [
  [{ ...cut, followUp: heard(200, { isRedirect: true }) }, 'http.redirect', 'likely', 'fallback', redirect],
  [
    { ...broken, ...sse, followUp: asked({ isRedirect: true }) },
    ...(['path.captive', 'likely', 'fallback', ['path.captive', 'http.redirect', 'path.intermediary']] as const),
  ],
  [
    { ...broken, ...sse, followUp: asked({ isRedirect: true, opaque: 'answered' }) },
    'http.redirect',
    'likely',
    'fallback',
    redirect,
  ],
  // At the page's own origin an intermediary needs no CORS headers, and the server of a session never answers with HTML.
  [
    { ...cut, ...session, followUp: heard(403, { contentType: 'text/html', page: 'none' }) },
    ...(['path.intermediary', 'likely', 'fallback', ['path.intermediary', 'path.captive', 'http.403']] as const),
  ],
  // Without a ledger, the answer to a plain request is the best evidence.
  ...[400, 401, 403, 404, 500, 503].map(
    (status): Row => [
      { ...cut, followUp: heard(status) },
      `http.${status}`,
      'likely',
      'fallback',
      [
        `http.${status}`,
        ...(status === 403 || status === 503 ? boxes : []),
        'ws.failed',
        ...(status === 400 || status === 404 ? socketFaults : []),
      ],
    ],
  ),
  ...[{}, session].map(
    (more): Row => [
      { ...cut, ...more, followUp: heard(200, { contentType: 'text/html' }) },
      'http.not_realtime',
      'likely',
      'fallback',
      page,
    ],
  ),
  [{ ...cut, ...session, followUp: heard(200) }, 'http.not_realtime', 'likely', 'fallback', page],
  // The answer of an ordinary WebSocket server to a GET, and of a session's server to a client without steadfast.v1.
  [
    { ...cut, ...session, followUp: heard(426) },
    ...(['http.426', 'likely', 'fallback', ['http.426', 'protocol-mismatch', ...boxes, 'ws.failed']] as const),
  ],
  [
    { ...timeout, ...session, followUp: heard(426) },
    ...(['protocol-mismatch', 'likely', 'fallback', ['protocol-mismatch', 'http.426', ...boxes, 'ws.failed']] as const),
  ],
  [
    { ...cut, followUp: heard(400, { contentType: 'application/problem+json', isOfSession: true }) },
    ...(['protocol-mismatch', 'likely', 'fallback', ['protocol-mismatch', 'http.400', 'ws.failed', ...socketFaults]] as const),
  ],
  [
    { ...cut, followUp: heard(400, { contentType: 'application/problem+json' }) },
    ...(['http.400', 'likely', 'fallback', ['http.400', 'ws.failed', ...socketFaults]] as const),
  ],
  // The URL is at the page's own origin, so that there is no other origin to ask.
  [
    { ...cut, isOnline: false, followUp: asked({ page: 'none' }) },
    ...(['net.offline', 'likely', 'fallback', ['net.offline', 'net.dns', 'net.refused', 'net.reset']] as const),
  ],
  [{ ...broken, ...sse, ...session, followUp: heard(200) }, 'http.not_realtime', 'likely', 'fallback', page],
  // Only the request whose response the page may not read (no-cors) is answered.
  [
    { ...cut, followUp: asked({ opaque: 'answered' }) },
    ...(['ws.failed', 'possible', 'fallback', [...socketFaults, ...boxes, ...hiddenStatuses, 'policy.client_blocked']] as const),
  ],
  // A network that let WebSockets pass before hardly blocks them now: a portal or a gateway answers every request.
  [
    { ...cut, ...repeated, hasServed: true, followUp: asked({ opaque: 'answered' }) },
    ...(['path.intercepted', 'likely', 'fallback', [...boxes, 'ws.failed', ...socketFaults]] as const),
  ],
  [
    { ...timeout, followUp: asked({ opaque: 'answered' }) },
    'ws.upgrade_hang',
    'likely',
    'fallback',
    ['ws.upgrade_hang', 'ws.upgrade_blocked', 'ws.bad_handshake'],
  ],
  [
    { ...broken, ...sse, followUp: asked({ opaque: 'answered' }) },
    ...(['path.intercepted', 'likely', 'fallback', ['http.cors', ...boxes, ...hiddenStatuses]] as const),
  ],
  ...[cut, timeout, { ...broken, ...sse }].flatMap((given): Row[] => [
    [
      { ...given, ...session, followUp: asked({ opaque: 'answered', readable: 'failed' }) },
      ...(['path.intermediary', 'likely', 'fallback', ['path.intermediary', 'path.captive']] as const),
    ],
  ]),
]

const heldAnswer = asked({ opaque: 'answered', readable: 'silent' })
const wsSuspects = ['ws.upgrade_blocked', 'ws.upgrade_stripped', 'ws.bad_handshake', 'net.reset', ...boxes]

/** Only the opaque request is answered: a long-poll server holds the readable one. */
const held: readonly Row[] = [
  [{ ...cut, followUp: heldAnswer }, 'ws.failed', 'possible', 'fallback', wsSuspects],
  [{ ...cut, ...repeated, followUp: heldAnswer }, 'ws.failed', 'likely', 'fallback', wsSuspects],
  [
    { ...timeout, followUp: heldAnswer },
    'ws.upgrade_hang',
    'likely',
    'fallback',
    ['ws.upgrade_hang', 'ws.upgrade_blocked', 'ws.bad_handshake'],
  ],
  [
    { ...timeout, ...poll, followUp: heldAnswer },
    ...(['net.timeout', 'likely', 'fallback', ['net.timeout', 'sse.buffered', 'client.pool_exhausted']] as const),
  ],
]

/** Plain HTTP requests are answered: why did the transport fail? */
const whereHttpPasses: readonly Row[] = [
  ...[sse, poll].flatMap((more): Row[] => [
    [{ ...timeout, ...more, followUp: heard(200) }, 'sse.buffered', 'likely', 'fallback', ['sse.buffered', 'net.timeout']],
    [
      { ...broken, ...more, followUp: heard(200) },
      ...(['net.unreachable', 'possible', 'fallback', ['net.reset', 'path.intermediary']] as const),
    ],
  ]),
  ...[heard(200), recorded(), recorded({ sawUpgrade: true, verdict: 'accepted' })].map(
    (followUp): Row => [
      { ...timeout, ...(followUp.ledger && session), followUp },
      ...(['ws.upgrade_hang', 'likely', 'fallback', ['ws.upgrade_hang', 'ws.upgrade_blocked', 'ws.bad_handshake']] as const),
    ],
  ),
  [{ ...cut, followUp: heard(200) }, 'ws.failed', 'possible', 'fallback', noLedger],
  [{ ...cut, ...repeated, followUp: heard(200) }, 'ws.failed', 'likely', 'fallback', noLedger],
  [{ ...cut, followUp: heard(426) }, 'ws.failed', 'possible', 'fallback', noLedger],
  [{ ...cut, ...repeated, followUp: heard(426) }, 'ws.failed', 'likely', 'fallback', noLedger],
  [{ ...cut, ...repeated, hasOpened: true, followUp: heard(200) }, 'ws.failed', 'likely', 'fallback', noLedger],
]

/** The server's ledger of an attempt over HTTP. */
const requests: readonly Row[] = [sse, poll].flatMap((transport): Row[] => {
  const seen = (verdict: 'accepted' | number | null) => ({
    ...transport,
    ...session,
    followUp: recorded({ sawRequest: true, verdict }),
  })
  const unseen = { ...transport, ...session, followUp: recorded() }
  const unreachable = ['net.reset', 'path.intermediary', 'http.cors']
  return [
    [{ ...timeout, ...seen('accepted') }, 'sse.buffered', 'likely', 'fallback', ['sse.buffered', 'net.timeout', 'stream.decode']],
    [{ ...timeout, ...seen(null) }, 'net.timeout', 'likely', 'fallback'],
    [{ ...timeout, ...unseen }, 'net.timeout', 'likely', 'fallback', ['net.timeout', 'client.pool_exhausted']],
    [{ ...broken, ...seen('accepted') }, 'http.cors', 'likely', 'fallback', ['http.cors', 'path.intermediary', 'net.reset']],
    [{ ...broken, ...seen(4403) }, 'close.4403', 'likely', 'fallback', ['close.4403', 'path.intermediary']],
    [{ ...broken, ...unseen }, 'net.unreachable', 'possible', 'fallback', unreachable],
  ]
})

const ledgers: readonly Row[] = (
  [
    [
      { sawRequest: true, sawUpgrade: true, verdict: 'accepted' },
      'ws.bad_handshake',
      'likely',
      ['ws.bad_handshake', 'ws.subprotocol'],
    ],
    [{ sawRequest: true, sawUpgrade: true, verdict: null }, 'ws.failed', 'possible', ['ws.upgrade_blocked', 'ws.bad_handshake']],
    [{ sawRequest: true, sawUpgrade: true, verdict: 4403 }, 'close.4403', 'likely', ['close.4403', 'path.intermediary']],
    // The server refuses with 4400 the plain request that is left of the stripped handshake.
    [{ sawRequest: true, verdict: 4400 }, 'ws.upgrade_stripped', 'certain'],
    [{ sawRequest: true }, 'ws.upgrade_stripped', 'certain'],
    [{ sawRequest: true, verdict: 'accepted' }, 'ws.upgrade_stripped', 'certain'],
    [{}, 'ws.failed', 'possible', ['ws.upgrade_blocked', 'policy.client_blocked', 'net.reset']],
    [{ scope: 'node' }, 'ws.failed', 'possible', ['ws.upgrade_blocked', 'policy.client_blocked', 'net.reset']],
    [{ ...repeated }, 'ws.upgrade_blocked', 'likely', ['ws.upgrade_blocked', 'policy.client_blocked']],
    [{ ...repeated, scope: 'node' }, 'ws.upgrade_blocked', 'possible', ['ws.upgrade_blocked', 'policy.client_blocked']],
  ] as const
).map(
  ([{ isRepeated = false, ...ledger }, cause, certainty, candidates]: LedgerRow): Row => [
    { ...cut, ...session, ...(isRepeated && { isRepeated }), followUp: recorded(ledger) },
    ...([cause, certainty, 'fallback', candidates] as const),
  ],
)

const open = { kind: 'silent', phase: 'open', hasHeard: true } as const
const buffered = ['sse.buffered', 'conn.stale', 'conn.lost_host']
const wentSilent: readonly Row[] = [
  [open, 'conn.silent', 'possible', 'retry', ['conn.stale', 'conn.lost_host']],
  [{ ...open, ...sse }, 'conn.silent', 'possible', 'retry', ['conn.stale', 'conn.lost_host']],
  [{ ...open, hasHeard: false }, 'conn.silent', 'possible', 'retry', ['conn.stale', 'conn.lost_host']],
  [{ ...open, ...sse, hasHeard: false }, 'sse.buffered', 'likely', 'retry', buffered],
  [{ ...open, ...sse, isMute: true }, 'sse.buffered', 'likely', 'retry', buffered],
  [{ ...open, isMute: true }, 'conn.silent', 'possible', 'retry', ['conn.stale', 'conn.lost_host']],
  [{ ...open, ...sse, hasHeard: false, followUp: heard(200) }, 'sse.buffered', 'likely', 'retry', buffered],
  [{ ...open, followUp: heard(500) }, 'conn.stale', 'likely', 'retry'],
  [{ ...open, followUp: asked({ opaque: 'answered' }) }, 'conn.stale', 'likely', 'retry'],
  [{ ...open, followUp: asked({ page: 'failed' }) }, 'net.offline', 'likely', 'retry', ['net.offline', 'conn.lost_host']],
  [{ ...open, followUp: asked() }, 'conn.lost_host', 'likely', 'retry', ['conn.lost_host', 'net.offline']],
  [{ ...open, followUp: asked({ page: 'none' }) }, 'conn.lost_host', 'likely', 'retry', ['conn.lost_host', 'net.offline']],
]

const handshakes: readonly Row[] = [
  [
    {
      kind: 'mismatch',
      detail: 'x',
      isHandshake: true,
      ...session,
      followUp: recorded({ sawUpgrade: true, verdict: 'accepted' }),
    },
    ...(['ws.subprotocol', 'likely', 'fallback', ['ws.subprotocol', 'ws.bad_handshake']] as const),
  ],
  [
    { kind: 'mismatch', detail: 'x', isHandshake: true, ...session, followUp: heard(200) },
    ...(['protocol-mismatch', 'likely', 'fallback', ['protocol-mismatch', 'ws.subprotocol'], 'not-offered'] as const),
  ],
]

describe.each([
  ['an answer to a follow-up question', answers],
  ['a transport that fails though HTTP works', whereHttpPasses],
  ["the server's ledger of a WebSocket", ledgers],
  ["the server's ledger of an HTTP request", requests],
  ['a server that holds the follow-up question', held],
  ['an open connection that went silent', wentSilent],
  ['a handshake that names another protocol', handshakes],
] as const)('%s', (_, rows) => {
  itJudges(rows)
})

it('the message contains the findings of the follow-up questions', () => {
  const told = (given: Given) => diagnose(evidenceOf(given)).message
  expect(told({ ...cut, followUp: heard(503) })).toBe('Probably the server answered with HTTP status 503.')
  expect(told({ ...cut, followUp: heard(200, { contentType: 'text/html' }) })).toBe(
    'Probably the server answered with text/html instead of messages.',
  )
  expect(told({ ...cut, violation: 'connect-src' })).toContain('(connect-src)')
  expect(told(answered(500))).toBe('The server answered with HTTP status 500.')
})

type LedgerRow = readonly [
  Parameters<typeof recorded>[0] & { readonly isRepeated?: boolean },
  string,
  'certain' | 'likely' | 'possible',
  (readonly string[])?,
]
