/** What to do: try again, try another transport, or stop until the application says `connect()`. */
export type Verdict = 'retry' | 'fallback' | 'stop'

/**
 * Narrows a verdict. `credentials`: ask `prepare()` for fresh ones; where the verdict is stop, stop if they are refused too.
 * `not-offered`: the server does not have this transport, or this page may not use it, so it is left out for a while.
 */
export type Hint = 'credentials' | 'not-offered'

export interface Cause {
  readonly verdict: Verdict
  /** What happened, in a sentence; `{name}` stands for that member of the evidence. */
  readonly message: string
  /** The coarser cause of which this is one; absent where there is none. */
  readonly family?: string
  readonly hint?: Hint
}

/** What an application adds to the table of causes, or puts in its place. */
export interface OwnCause {
  /** What happened, in a sentence. */
  readonly message?: string
  /** The first thing to do about it. */
  readonly remedy?: string
  readonly verdict?: Verdict
}

function cause(verdict: Verdict, message: string, family?: string, hint?: Hint): Cause {
  return { verdict, message, ...(family && { family }), ...(hint && { hint }) }
}

/** Every cause that has a name of its own. `http.<status>` and `close.<code>` are below. */
export const causes = {
  'policy.csp': cause(
    'fallback',
    "The page's Content-Security-Policy forbids connecting to {host}{violation}.",
    '',
    'not-offered',
  ),
  'policy.mixed_content': cause(
    'fallback',
    'The page came over https, so the browser does not let it connect without TLS.',
    '',
    'not-offered',
  ),
  'policy.blocked_port': cause('fallback', 'Browsers do not connect to port {port}.', '', 'not-offered'),
  'policy.local_network': cause('fallback', 'The browser does not let this page connect to devices on the local network.'),
  'policy.client_blocked': cause(
    'fallback',
    'Something in this browser, such as an extension, blocked the connection to {host}.',
  ),
  'policy.blocked': cause('fallback', 'The browser did not allow the connection to {host} ({detail}).'),
  'client.unsupported': cause('fallback', 'This browser lacks {detail}.', '', 'not-offered'),
  'client.pool_exhausted': cause(
    'fallback',
    'The page and its other tabs already use every connection that the browser allows to {host}.',
  ),
  'client.unprepared': cause('retry', '{detail}'),
  'client.stopped': cause('stop', 'prepare() told the client to stop{reason}.'),
  'client.outbox_full': cause('retry', 'The outbox is full, so the client dropped a message.'),
  'client.expired': cause('retry', 'A message waited in the outbox for longer than allowed.'),
  'client.too_large': cause('retry', 'A message is larger than the server accepts.'),
  'client.unreadable': cause('retry', 'The client could not decode a message: {detail}.'),
  'client.reconnect': cause('retry', 'The application called reconnect(), which replaced the connection.'),
  'client.unread': cause(
    'retry',
    'The application left too many messages unread, so the client disconnected until they are read.',
  ),
  'net.offline': cause('fallback', 'This device has no network.'),
  'net.unreachable': cause('fallback', 'The browser could not connect to {host}; it does not tell pages why.'),
  'net.dns': cause('fallback', 'The host name {hostname} does not resolve.', 'net.unreachable'),
  'net.refused': cause('fallback', '{hostname} refused the connection: nothing listens on port {port}.', 'net.unreachable'),
  'net.reset': cause('fallback', 'The connection to {host} was reset before the server answered.', 'net.unreachable'),
  'net.timeout': cause('fallback', '{host} did not answer in time.'),
  'tls.failed': cause('fallback', 'The TLS connection to {host} failed.', 'net.unreachable'),
  'tls.certificate': cause('fallback', 'The browser does not trust the certificate of {host}.', 'net.unreachable'),
  'tls.handshake': cause('fallback', 'The browser and {host} did not agree on TLS.', 'net.unreachable'),
  'path.proxy_refused': cause('fallback', 'A proxy refused to connect to {host}.', 'net.unreachable'),
  'path.proxy_auth': cause('fallback', 'A proxy requires a login before it connects to {host}.'),
  'path.intercepted': cause(
    'fallback',
    'An HTTP answer came that this page may not read: the server sends no CORS headers, or a proxy, firewall or login page answered in its place.',
  ),
  'path.intermediary': cause('fallback', 'A proxy or firewall answered{answer} in place of {host}.', 'path.intercepted'),
  'path.captive': cause('fallback', 'The login page of this network answered{answer} in place of {host}.', 'path.intercepted'),
  'http.cors': cause(
    'fallback',
    '{host} answered without the CORS headers that let this page read the answer.',
    'path.intercepted',
  ),
  'http.redirect': cause('fallback', '{host} redirected the request to another URL.'),
  'http.not_realtime': cause('fallback', '{host} answered with {contentType} instead of messages.', '', 'not-offered'),
  'ws.failed': cause('fallback', 'HTTP requests to {host} work, but the WebSocket does not.'),
  'ws.upgrade_stripped': cause('fallback', 'A proxy removes the headers that make a request a WebSocket.', 'ws.failed'),
  'ws.upgrade_blocked': cause('fallback', 'A proxy or firewall blocks WebSockets to {host}, but not HTTP.', 'ws.failed'),
  'ws.upgrade_hang': cause(
    'fallback',
    'The WebSocket handshake with {host} got no answer, while HTTP requests did.',
    'ws.failed',
  ),
  'ws.bad_handshake': cause('fallback', 'The answer to the WebSocket handshake with {host} was invalid.', 'ws.failed'),
  'ws.subprotocol': cause('fallback', 'The browser and {host} did not agree on a WebSocket subprotocol.', 'ws.failed'),
  'protocol-mismatch': cause('fallback', 'The client and {host} do not speak the same protocol: {detail}.', '', 'not-offered'),
  'session.lost': cause('retry', 'The server lost the session, so the client does not send again what was not acknowledged.'),
  'server.two_stores': cause(
    'retry',
    'Two servers that do not share a store answer at {host} in turn, so each loses the session.',
  ),
  'sse.buffered': cause('fallback', 'A proxy holds back what {host} sends.'),
  'stream.broken': cause('retry', 'The answer from {host} broke off.'),
  'stream.truncated': cause('retry', 'The answer from {host} was cut off on the way.', 'stream.broken'),
  'stream.decode': cause('retry', 'The browser could not decompress the answer from {host}.', 'stream.broken'),
  'stream.oversized': cause('fallback', 'The answer from {host} is longer than this client reads.'),
  'stream.ended': cause('retry', '{host} ended the stream.'),
  'conn.lost': cause('retry', 'The connection to {host} was cut, or a frame on it was invalid.'),
  'conn.dropped': cause('retry', 'The connection to {host} was cut.', 'conn.lost'),
  'conn.protocol_error': cause('retry', 'An invalid WebSocket frame came over the connection to {host}.', 'conn.lost'),
  'conn.silent': cause('retry', 'The connection to {host} went silent.'),
  'conn.stale': cause('retry', 'The connection is dead, although {host} answers other requests.', 'conn.silent'),
  'conn.lost_host': cause('retry', '{host} cannot be reached any more.', 'conn.silent'),
  'conn.restored': cause(
    'retry',
    'The page came back from the back/forward cache or from sleep, and its connection may be dead.',
  ),
  'page.hidden': cause('retry', 'The browser put the page away, so the client disconnected.'),
} satisfies Record<string, Cause>

export type NamedCause = keyof typeof causes

const answeredMessage = '{host} answered with HTTP status {status}.'
const closedMessage = '{host} closed the connection ({code}{reason}).'
const credentialsMessage = '{host} refused the credentials (401).'
const forbiddenMessage = 'Access to {host} was refused (403), by the server or by a firewall in front.'
/** A gateway says these of the server behind it, 511 the login page of a network; so does Cloudflare with 520 to 530. */
const gatewayStatuses = [407, 502, 504, 511, 520, 521, 522, 523, 524, 525, 526, 527, 530]

/** HTTP statuses of which more is to be said than that this transport does not work. 410 is what nchan says at a reload. */
export const statuses: Readonly<Record<number, Cause>> = {
  ...each(gatewayStatuses, cause('fallback', answeredMessage, 'path.intercepted')),
  204: cause('stop', '{host} says that nothing more will come (204).'),
  401: cause('stop', credentialsMessage, '', 'credentials'),
  403: cause('stop', forbiddenMessage, '', 'credentials'),
  ...each([404, 405, 406, 426, 501], cause('fallback', answeredMessage, '', 'not-offered')),
  // They speak of the whole server, so that another transport would hear the same.
  ...each([408, 410, 425, 429, 503], cause('retry', answeredMessage)),
  ...each([502, 504], cause('retry', answeredMessage, 'path.intercepted')),
}
const otherStatus = cause('fallback', answeredMessage)

/** Close codes by which servers refuse credentials. In a session none help against 4403 (docs/PROTOCOL.md, rule 9). */
export const closeCodes: Readonly<Record<number, Cause>> = each(
  [1008, 4401, 4403],
  cause('stop', closedMessage, '', 'credentials'),
)
/** Close codes of steadfast.v1 after which a session goes on; any other from 4001 up ends it. */
export const goesOn = [4408, 4409, 4413, 4429, 4500, 4503]
const otherClose = cause('retry', closedMessage)
const sessionEnd = cause('stop', closedMessage)
/** A session's server marks what it says, so this is not its own word: neither about the credentials nor that it is over. */
const foreignRefusal = cause('fallback', 'A proxy or firewall answered with HTTP status {status} in place of {host}.')

export function statusCause(status: number, isSession = false): Cause {
  const known = statuses[status] ?? otherStatus
  return isSession && known.verdict === 'stop' ? foreignRefusal : known
}

export function closeCause(code: number, isSession: boolean): Cause {
  if (!isSession) return closeCodes[code] ?? otherClose
  if (code !== 4403 && closeCodes[code]) return closeCodes[code]
  return code > 4000 && !goesOn.includes(code) ? sessionEnd : otherClose
}

/** The cause of that name. */
export function causeOf(name: string, isSession: boolean): Cause {
  const [group, number] = name.split('.')
  if (group === 'close') return closeCause(Number(number), isSession)
  return (causes as Readonly<Record<string, Cause>>)[name] ?? statusCause(Number(number), isSession)
}

/** The coarser cause of which this is one; itself where there is none. */
export function familyOf(name: string): string {
  return causeOf(name, false).family ?? name
}

function each(numbers: readonly number[], what: Cause): Readonly<Record<number, Cause>> {
  return Object.fromEntries(numbers.map((number) => [number, what]))
}
