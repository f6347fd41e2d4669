/** Possible causes in plain words. */
const suspicions = {
  'net.dns': 'the server’s name leads nowhere',
  'net.refused': 'nothing listens there',
  'net.reset': 'something cuts it while it is made',
  'net.timeout': 'nothing answers in time',
  'net.offline': 'this device has no network',
  'net.unreachable': 'nothing can be reached there',
  'tls.certificate': 'the browser does not trust the certificate',
  'tls.handshake': 'the encryption does not come about',
  'tls.failed': 'the encryption does not come about',
  'policy.csp': 'the page’s own rules (its Content-Security-Policy) forbid it',
  'policy.mixed_content': 'a page that is encrypted may not connect without encryption',
  'policy.blocked_port': 'the browser allows no page to use that port',
  'policy.local_network': 'the browser lets this page reach nothing in the local network',
  'policy.client_blocked': 'something in this browser, such as an extension, stops it',
  'client.pool_exhausted': 'too many tabs hold connections to this server',
  'path.proxy_refused': 'a proxy forbids this server',
  'path.proxy_auth': 'a proxy wants a login first',
  'path.intermediary': 'something on the way answers in place of the server',
  'path.intercepted': 'what answers there may not be read by this page',
  'path.captive': 'the network wants a login first',
  'http.cors': 'the server does not let this page read its answers',
  'http.not_realtime': 'what answers there is no realtime server',
  'http.redirect': 'the server sends requests on to another address',
  'http.426': 'the server wants the request to be an upgrade',
  'ws.failed': 'WebSocket fails where other requests pass',
  'ws.upgrade_blocked': 'something on the way lets no WebSocket pass',
  'ws.upgrade_stripped': 'something on the way makes a plain request of it',
  'ws.upgrade_hang': 'something on the way swallows the handshake',
  'ws.bad_handshake': 'the answer to the handshake is damaged',
  'ws.subprotocol': 'browser and server do not agree on what they speak',
  'sse.buffered': 'something on the way holds the answer back',
  'stream.truncated': 'the answer is cut off on its way',
  'stream.decode': 'its compression cannot be undone',
  'stream.ended': 'the server ends it',
  'conn.dropped': 'the connection was cut',
  'conn.protocol_error': 'what came over it was damaged',
  'conn.stale': 'the connection is dead, though the server lives',
  'conn.lost_host': 'the server cannot be reached any more',
  'protocol-mismatch': 'something else than the server answers',
}

/** Another possible cause in plain words. */
export function suspicionOf(cause) {
  const [group, number] = cause.split('.')
  if (suspicions[cause]) return suspicions[cause]
  if (group === 'http') return `the server answers ${number}`
  return group === 'close' ? `the server closes it with code ${number}` : cause
}

/** How sure a diagnosis is. */
export const certainties = {
  certain: 'Certain: nothing else looks like this.',
  likely: 'Likely: something else could look the same.',
  possible: 'Possible: a browser does not tell one from the other.',
}

/** The follow-up questions of the client and their results; '' without any. */
export function findingOf({ followUp, lastEnd, phase, kind, transport }) {
  if (lastEnd) return `Back again, the client was told how the server saw the end: ${endOf(lastEnd)}.`
  // Earlier results do not apply to a connection that was open, nor to a failure by an answer, which is clear by itself.
  if (!followUp || kind === 'answered' || (phase === 'open' && kind !== 'silent')) return ''
  const { readable, opaque, status, ledger, isRedirect } = followUp
  // Questions are asked about one transport only, the first one that fails.
  if (ledger && transport !== 'websocket') return 'A plain request to the same address is answered by the server itself.'
  if (ledger) return `Asked by a plain request, the server ${sightingOf(ledger)}.`
  if (isRedirect) return 'A plain request to the same address is redirected elsewhere.'
  if (readable === 'answered') return `A plain request to the same address is answered with ${status}.`
  if (opaque === 'answered') return 'A plain request is answered, but this page may not read the answer.'
  return readable === 'silent' ? 'A plain request is not answered either.' : 'A plain request to the same address fails as well.'
}

function sightingOf({ sawRequest, sawUpgrade, verdict }) {
  if (verdict === 'accepted') return 'says that it accepted the attempt'
  if (sawUpgrade) return verdict ? `says that it refused the attempt (${verdict})` : 'says that the attempt arrived'
  return sawRequest ? 'says that a request arrived, and no WebSocket' : 'answers, and says that nothing of the attempt arrived'
}

function endOf({ by, code, reason }) {
  if (by === 'network') return 'it simply broke'
  const words = reason ? ` (${code}: ${reason})` : ` (${code})`
  return by === 'client' ? `the browser hung up${words}` : `the server hung up${words}`
}

/** 'A', 'A and B', 'A, B and C' */
export function listOf(words, last = 'and') {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`
}
