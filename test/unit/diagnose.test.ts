import { describe, expect, it } from 'vitest'
import { diagnose } from '../../src/diagnosis/diagnose.ts'
import { endingOf } from '../../src/diagnosis/ending.ts'
import { answered, broken, closed, cut, evidenceOf, type Given, itJudges, type Row, timeout } from '../support/evidence.ts'

const open = { phase: 'open' } as const
const session = { isSession: true } as const
const boxes = ['path.intermediary', 'path.captive']
const dropped = ['conn.dropped', 'conn.protocol_error']

function html(status: number, type: string, verdict: 'fallback' | 'retry'): Row {
  return [answered(status, type), `http.${status}`, 'likely', verdict, [`http.${status}`, ...boxes]]
}

const answers: readonly Row[] = [
  [answered(204), 'http.204', 'certain', 'stop'],
  // The server of a session never answers 204.
  [{ ...answered(204), ...session }, 'http.204', 'likely', 'fallback', ['http.204', ...boxes]],
  // An HTML page is never the server's answer about what it offers or about credentials.
  ...['text/html', 'text/html; charset=utf-8', 'Text/HTML', 'application/xhtml+xml'].flatMap((type): readonly Row[] => [
    [answered(200, type), 'http.not_realtime', 'likely', 'fallback', ['http.not_realtime', 'path.captive', 'path.intermediary']],
    [answered(401, type), 'http.401', 'likely', 'fallback', ['http.401', ...boxes], 'credentials'],
    ...[403, 404, 405, 406, 426, 501].map((s): Row => html(s, type, 'fallback')),
    [{ ...answered(403, type), start: ' <!doctype html>' }, 'http.403', 'likely', 'fallback', ['http.403', ...boxes]],
    // Express sends any text as HTML.
    [{ ...answered(403, type), start: 'No such token' }, 'http.403', 'likely', 'stop', ['http.403', ...boxes], 'credentials'],
    [{ ...answered(404, type), start: 'No such room' }, 'http.404', 'likely', 'fallback', ['http.404', ...boxes]],
    html(503, type, 'retry'),
  ]),
  [
    { ...answered(200, 'text/html'), isRedirected: true },
    ...(['http.redirect', 'likely', 'fallback', ['http.redirect', ...boxes, 'http.not_realtime']] as const),
  ],
  [
    { ...answered(404, 'text/plain'), isRedirected: true },
    ...(['http.redirect', 'likely', 'fallback', ['http.redirect', ...boxes, 'http.404']] as const),
  ],
  [
    { ...answered(200, 'text/html'), ...session, isSameOrigin: true },
    ...(['path.intermediary', 'likely', 'fallback', ['path.intermediary', 'path.captive', 'http.not_realtime']] as const),
  ],
  // HTML comes from a proxy, a firewall or a service worker as well.
  [{ ...answered(500, 'text/html') }, 'http.500', 'likely', 'fallback', ['http.500', ...boxes]],
  [
    { ...answered(200, 'text/html'), hasServed: true },
    ...(['path.captive', 'likely', 'fallback', ['path.captive', 'path.intermediary', 'http.not_realtime']] as const),
  ],
  [
    { ...answered(400, 'application/problem+json'), start: '{"steadfast":"v1"}' },
    ...(['protocol-mismatch', 'likely', 'fallback', ['protocol-mismatch', 'http.400'], 'not-offered'] as const),
  ],
  [answered(201), 'http.not_realtime', 'certain', 'fallback', undefined, 'not-offered'],
  // If the transport worked before, the network probably requires a login.
  [
    { ...answered(200, 'text/html'), hasOpened: true },
    'path.captive',
    'likely',
    'fallback',
    ['path.captive', 'path.intermediary', 'http.not_realtime'],
  ],
  [answered(401), 'http.401', 'certain', 'stop', undefined, 'credentials'],
  [answered(403), 'http.403', 'likely', 'stop', ['http.403', ...boxes], 'credentials'],
  // The server of a session marks its answers, so these come from an intermediary.
  ...[401, 403].map(
    (s): Row => [
      { ...answered(s, 'text/html'), ...session },
      ...(['path.intermediary', 'likely', 'fallback', ['path.intermediary', `http.${s}`, 'path.captive']] as const),
    ],
  ),
  ...[404, 405, 406, 426, 501].map((s): Row => [answered(s), `http.${s}`, 'certain', 'fallback', undefined, 'not-offered']),
  ...[408, 410, 425, 429].map((s): Row => [answered(s), `http.${s}`, 'certain', 'retry']),
  ...[502, 503, 504].map((s): Row => [answered(s), `http.${s}`, 'likely', 'retry', [`http.${s}`, ...boxes]]),
  ...[511, 520, 522].map((s): Row => [answered(s), `http.${s}`, 'likely', 'fallback', [`http.${s}`, ...boxes]]),
  ...[302, 400, 402, 409, 500, 505].map((s): Row => [answered(s), `http.${s}`, 'certain', 'fallback']),
  // An answer while the connection was open means the same.
  [{ ...answered(404), ...open }, 'http.404', 'certain', 'fallback', undefined, 'not-offered'],
]

const originRefused = { reason: "the origin https://a.example is not this server's (http://b); add it to `origins`" }
const closes: readonly Row[] = [
  ...[1000, 1001, 1011, 1012, 1013, 1014, 3000, 4000, 4402].map(
    (code): Row => [{ ...closed(code), ...open }, `close.${code}`, 'certain', 'retry'],
  ),
  ...[1008, 4401, 4403].map(
    (code): Row => [{ ...closed(code), ...open }, `close.${code}`, 'certain', 'stop', undefined, 'credentials'],
  ),
  // In a session the codes mean what rule 9 says, also before the connection has opened.
  ...[open, {}].flatMap((more): Row[] => [
    ...[4408, 4409, 4413, 4429, 4500, 4503].map(
      (code): Row => [{ ...closed(code), ...more, ...session }, `close.${code}`, 'certain', 'retry'],
    ),
    ...[4001, 4400, 4403, 4410].map(
      (code): Row => [{ ...closed(code), ...more, ...session }, `close.${code}`, 'certain', 'stop'],
    ),
    [{ ...closed(4401), ...more, ...session }, 'close.4401', 'certain', 'stop', undefined, 'credentials'],
  ]),
  // A browser may show in an HTTP request that it is same-origin, but not in a WebSocket handshake.
  [{ ...closed(4403, originRefused), ...session }, 'close.4403', 'certain', 'fallback'],
  [{ ...closed(4403, originRefused), ...session, transport: 'sse' }, 'close.4403', 'certain', 'stop'],
  [{ ...closed(4403, originRefused), ...session, isOnlyWay: true }, 'close.4403', 'certain', 'stop'],
  [{ ...closed(4000), ...open, ...session }, 'close.4000', 'certain', 'retry'],
  [{ ...closed(1005), ...open }, 'close.1005', 'likely', 'retry', ['close.1005', 'conn.protocol_error']],
  ...[0, 999, 1004, 1015, 1016, 2999, 5000].map(
    (code): Row => [{ ...closed(code), ...open }, 'conn.protocol_error', 'certain', 'retry'],
  ),
  [{ ...closed(1006, { wasClean: true }), ...open }, 'conn.protocol_error', 'certain', 'retry'],
]

/** What 1006 means differs from browser to browser. */
const cuts: readonly Row[] = (
  [
    [{}, 'conn.dropped', 'likely', dropped],
    [{ hasErred: false, engine: 'chromium' }, 'conn.dropped', 'likely', dropped],
    [{ hasErred: true, engine: 'chromium' }, 'conn.protocol_error', 'certain'],
    [{ hasErred: false, engine: 'firefox' }, 'conn.dropped', 'likely', dropped],
    [{ hasErred: true, engine: 'firefox' }, 'conn.lost', 'likely', dropped],
    [{ hasErred: false, engine: 'webkit' }, 'conn.dropped', 'likely', dropped],
    [{ hasErred: true, engine: 'webkit' }, 'conn.lost', 'likely', [...dropped, 'close.1012', 'close.1013', 'close.1014']],
    [
      { hasErred: true, lastEnd: lastEnd('network') },
      'conn.dropped',
      'likely',
      [...dropped, 'close.1012', 'close.1013', 'close.1014'],
    ],
    // After a reconnect the server of a session says how the previous connection ended, which no browser tells the page.
    ...[1002, 1007, 1009].map((code) => [{ lastEnd: lastEnd('client', code) }, 'conn.protocol_error', 'certain'] as const),
    [{ lastEnd: lastEnd('client', 1001) }, 'conn.dropped', 'likely', dropped],
    [{ lastEnd: lastEnd('server', 4503) }, 'close.4503', 'likely', ['close.4503', 'conn.dropped']],
    [
      { hasErred: true, engine: 'firefox', lastEnd: lastEnd('server', 1012) },
      'close.1012',
      'likely',
      ['close.1012', 'conn.dropped'],
    ],
    [{ lastEnd: lastEnd('server', 1000) }, 'conn.dropped', 'likely', dropped],
    [{ lastEnd: lastEnd('network') }, 'conn.dropped', 'likely', dropped],
  ] as const
).map(([more, cause, certainty, candidates]): Row => [{ ...cut, ...open, ...more }, cause, certainty, 'retry', candidates])

const streams: readonly Row[] = [
  [{ kind: 'ended', ...open }, 'stream.ended', 'certain', 'retry'],
  [{ kind: 'ended', engine: 'chromium', ...open }, 'stream.ended', 'certain', 'retry'],
  [{ kind: 'ended', engine: 'webkit', ...open }, 'stream.ended', 'likely', 'retry', ['stream.ended', 'stream.truncated']],
  ...(['chromium', 'webkit'] as const).map(
    (engine): Row => [
      { kind: 'ended', isCutOff: true, engine, ...open },
      ...(['stream.truncated', 'likely', 'retry', ['stream.truncated', 'stream.ended']] as const),
    ],
  ),
  [{ ...broken, isBody: true, ...open }, 'stream.truncated', 'likely', 'retry', ['stream.truncated', 'stream.decode']],
  [
    { ...broken, isBody: true, hasHeard: true, transport: 'sse', ...open },
    'stream.truncated',
    'likely',
    'retry',
    ['stream.truncated', 'stream.decode'],
  ],
  [
    { ...broken, isBody: true, hasHeard: false, transport: 'poll', ...open },
    'stream.truncated',
    'likely',
    'retry',
    ['stream.truncated', 'stream.decode'],
  ],
  [
    { ...broken, isBody: true, hasHeard: false, transport: 'sse', ...open },
    'stream.decode',
    'likely',
    'retry',
    ['stream.decode', 'stream.truncated'],
  ],
]

const others: readonly Row[] = [
  [{ kind: 'mismatch', detail: 'x' }, 'protocol-mismatch', 'certain', 'fallback', undefined, 'not-offered'],
  [
    { kind: 'mismatch', detail: 'x', isHandshake: true },
    ...(['protocol-mismatch', 'likely', 'fallback', ['protocol-mismatch', 'ws.subprotocol'], 'not-offered'] as const),
  ],
  [{ kind: 'unsupported', detail: 'fetch' }, 'client.unsupported', 'certain', 'fallback', undefined, 'not-offered'],
  [{ kind: 'crowded', phase: 'prepare' }, 'client.pool_exhausted', 'certain', 'fallback'],
  [{ kind: 'unprepared', detail: 'x', isMistake: false, phase: 'prepare' }, 'client.unprepared', 'certain', 'retry'],
  [{ kind: 'unprepared', detail: 'x', isMistake: true, phase: 'prepare' }, 'client.unprepared', 'certain', 'stop'],
  [{ kind: 'oversized' }, 'stream.oversized', 'certain', 'fallback'],
  [{ kind: 'oversized', ...open }, 'stream.oversized', 'certain', 'retry'],
  [{ kind: 'overflow', phase: 'send' }, 'client.outbox_full', 'certain', 'retry'],
  [{ kind: 'expired', phase: 'send' }, 'client.expired', 'certain', 'retry'],
  [{ kind: 'too-large', phase: 'send' }, 'client.too_large', 'certain', 'retry'],
  [{ kind: 'forgotten', ...open }, 'session.lost', 'certain', 'retry'],
  [{ kind: 'unreadable', detail: 'x', ...open }, 'client.unreadable', 'certain', 'retry'],
  [{ kind: 'unread', ...open }, 'client.unread', 'certain', 'retry'],
  [{ kind: 'reconnect', ...open }, 'client.reconnect', 'certain', 'retry'],
  [{ kind: 'hidden', ...open }, 'page.hidden', 'certain', 'retry'],
  [{ kind: 'restored', ...open }, 'conn.restored', 'certain', 'retry'],
]

describe.each([
  ['an unexpected HTTP response', answers],
  ['a close code', closes],
  ['a WebSocket without a Close frame', cuts],
  ['an event stream', streams],
  ['other evidence', others],
] as const)('%s', (_, rows) => {
  itJudges(rows)
})

describe('the message', () => {
  it.each<[Given, string]>([
    [{ ...closed(4000, { reason: 'maintenance' }), ...open }, 'The server closed the connection (4000: maintenance).'],
    [{ ...closed(1001), ...open }, 'The server closed the connection (1001).'],
    [
      { ...cut, ...open, lastEnd: lastEnd('server', 4503, 'restart') },
      'Probably the server closed the connection (4503: restart).',
    ],
    [answered(503), 'Probably the server answered with HTTP status 503.'],
    [{ ...answered(404), url: 'https://api.example/rt' }, 'api.example answered with HTTP status 404.'],
    [{ ...cut, url: 'http://a.example:81/' }, 'Possibly the browser could not connect to a.example:81; it does not say why.'],
    [answered(401), 'The server refused the credentials (401).'],
    [{ ...answered(403), ...session }, 'Probably a proxy or firewall answered with HTTP status 403 in place of the server.'],
    [answered(200, 'text/html; charset=utf-8'), 'Probably the server answered with text/html instead of messages.'],
    [answered(200), 'The server answered with something of no type instead of messages.'],
    [{ kind: 'unsupported', detail: 'WebSocket' }, 'This platform lacks WebSocket.'],
    [{ kind: 'unprepared', detail: 'prepare() threw: {status}', isMistake: false }, 'prepare() threw: {status}'],
    [{ kind: 'unreadable', detail: 'no JSON', ...open }, 'The client could not decode a message: no JSON.'],
    [
      { kind: 'mismatch', detail: 'the answer is none of steadfast.v1' },
      'The client and the server do not speak the same protocol: the answer is none of steadfast.v1.',
    ],
  ])('of %j: %s', (given, message) => {
    expect(diagnose(evidenceOf(given)).message).toBe(message)
  })
})

describe('the end of a connection as a close code of RFC 6455', () => {
  it.each<[Given, number, string, boolean]>([
    [closed(4001, { reason: 'why' }), 4001, 'why', true],
    [cut, 1006, '', false],
    [answered(503), 4503, '', true],
    [{ kind: 'ended' }, 1005, '', true],
    [{ kind: 'hidden' }, 1001, '', true],
    [{ kind: 'unread' }, 1001, '', true],
    [broken, 1006, '', false],
    [{ kind: 'silent' }, 1006, '', false],
    [{ kind: 'restored' }, 1006, '', false],
    [timeout, 1006, '', false],
  ])('%j: %i %j, clean %s', (given, code, reason, wasClean) => {
    expect(endingOf(diagnose(evidenceOf({ ...given, ...open })))).toEqual({ code, reason, wasClean })
  })
})

function lastEnd(by: 'client' | 'server' | 'network', code = 1006, reason = '') {
  return { by, code, reason }
}
