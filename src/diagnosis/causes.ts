import { type Ruling, rulingOf, type Verdict } from './verdicts.ts'

export { goesOn, refusalCodes, statusRulings } from './verdicts.ts'

export interface Cause extends Ruling {
  /** What happened, in a sentence; `{name}` is replaced by that member of the evidence. */
  readonly message: string
  /** The coarser cause that includes this one, if there is one. */
  readonly family?: string
}

/** An entry of the option `causes`: a new cause, or replacements for parts of a built-in one. */
export interface OwnCause {
  /** What happened, in a sentence. */
  readonly message?: string
  /** The first thing to do about the failure. */
  readonly remedy?: string
  readonly verdict?: Verdict
}

function cause(name: string, message: string, family?: string, isSession = false): Cause {
  return { ...rulingOf(name, isSession), message, ...(family && { family }) }
}

/** All causes except `http.<status>` and `close.<code>`, which are below. */
export const causes = {
  'policy.csp': cause('policy.csp', "The page's Content-Security-Policy forbids connecting to {host}{violation}."),
  'policy.mixed_content': cause(
    'policy.mixed_content',
    'The page came over https, so the browser does not let it connect without TLS.',
  ),
  'policy.blocked_port': cause('policy.blocked_port', 'Browsers do not connect to port {port}.'),
  'policy.local_network': cause(
    'policy.local_network',
    'The browser does not let this page connect to devices on the local network.',
  ),
  'policy.client_blocked': cause(
    'policy.client_blocked',
    'Something in this browser, such as an extension, blocked the connection to {host}.',
  ),
  'policy.blocked': cause('policy.blocked', 'The browser did not allow the connection to {host} ({detail}).'),
  'client.unsupported': cause('client.unsupported', 'This platform lacks {detail}.'),
  'client.pool_exhausted': cause(
    'client.pool_exhausted',
    'The page and its other tabs already use every connection that the browser allows to {host}.',
  ),
  'client.unprepared': cause('client.unprepared', '{detail}'),
  'client.stopped': cause('client.stopped', 'The client stopped{reason}.'),
  'client.outbox_full': cause('client.outbox_full', 'The outbox is full, so the client dropped a message.'),
  'client.expired': cause('client.expired', 'A message waited in the outbox for longer than allowed.'),
  'client.too_large': cause('client.too_large', 'A message is larger than the server accepts.'),
  'client.unreadable': cause('client.unreadable', 'The client could not decode a message: {detail}.'),
  'client.reconnect': cause('client.reconnect', 'The application called reconnect(), which replaced the connection.'),
  'client.unread': cause(
    'client.unread',
    'The application left too many messages unread, so the client disconnected until they are read.',
  ),
  'net.offline': cause('net.offline', 'This device has no network.'),
  'net.unreachable': cause('net.unreachable', 'The browser could not connect to {host}; it does not say why.'),
  'net.dns': cause('net.dns', 'The host name {hostname} does not resolve.', 'net.unreachable'),
  'net.refused': cause('net.refused', '{hostname} refused the connection: nothing listens on port {port}.', 'net.unreachable'),
  'net.reset': cause('net.reset', 'The connection to {host} was reset before the server answered.', 'net.unreachable'),
  'net.timeout': cause('net.timeout', '{host} did not answer in time.'),
  'tls.failed': cause('tls.failed', 'The TLS connection to {host} failed.', 'net.unreachable'),
  'tls.certificate': cause('tls.certificate', 'The browser does not trust the certificate of {host}.', 'net.unreachable'),
  'tls.handshake': cause('tls.handshake', 'The browser and {host} did not agree on TLS.', 'net.unreachable'),
  'path.proxy_refused': cause('path.proxy_refused', 'A proxy refused to connect to {host}.', 'net.unreachable'),
  'path.proxy_auth': cause('path.proxy_auth', 'A proxy requires a login before it connects to {host}.'),
  'path.intercepted': cause(
    'path.intercepted',
    'An HTTP answer came that this page may not read: the server sends no CORS headers, or a proxy, firewall or login page answered in its place.',
  ),
  'path.intermediary': cause('path.intermediary', 'A proxy or firewall answered{answer} in place of {host}.', 'path.intercepted'),
  'path.captive': cause(
    'path.captive',
    'The login page of this network answered{answer} in place of {host}.',
    'path.intercepted',
  ),
  'http.cors': cause(
    'http.cors',
    '{host} answered without the CORS headers that let this page read the answer.',
    'path.intercepted',
  ),
  'http.redirect': cause('http.redirect', '{host} redirected the request to another URL.'),
  'http.not_realtime': cause('http.not_realtime', '{host} answered with {contentType} instead of messages.'),
  'ws.failed': cause('ws.failed', 'HTTP requests to {host} work, but the WebSocket does not.'),
  'ws.upgrade_stripped': cause(
    'ws.upgrade_stripped',
    'A proxy removes the headers that make a request a WebSocket.',
    'ws.failed',
  ),
  'ws.upgrade_blocked': cause(
    'ws.upgrade_blocked',
    'A proxy or firewall blocks WebSockets to {host}, but not HTTP.',
    'ws.failed',
  ),
  'ws.upgrade_hang': cause(
    'ws.upgrade_hang',
    'The WebSocket handshake with {host} got no answer, while HTTP requests did.',
    'ws.failed',
  ),
  'ws.bad_handshake': cause('ws.bad_handshake', 'The answer to the WebSocket handshake with {host} was invalid.', 'ws.failed'),
  'ws.subprotocol': cause('ws.subprotocol', 'The browser and {host} did not agree on a WebSocket subprotocol.', 'ws.failed'),
  'protocol-mismatch': cause('protocol-mismatch', 'The client and {host} do not speak the same protocol: {detail}.'),
  'session.lost': cause(
    'session.lost',
    'The server lost the session, so the client does not send again what was not acknowledged.',
  ),
  'server.two_stores': cause(
    'server.two_stores',
    'Two servers that do not share a store answer at {host} in turn, so each loses the session.',
  ),
  'sse.buffered': cause('sse.buffered', 'A proxy holds back what {host} sends.'),
  'stream.broken': cause('stream.broken', 'The answer from {host} broke off.'),
  'stream.truncated': cause('stream.truncated', 'The answer from {host} was cut off on the way.', 'stream.broken'),
  'stream.decode': cause('stream.decode', 'The browser could not decompress the answer from {host}.', 'stream.broken'),
  'stream.oversized': cause('stream.oversized', 'The answer from {host} is longer than this client reads.'),
  'stream.ended': cause('stream.ended', '{host} ended the stream.'),
  'conn.lost': cause('conn.lost', 'The connection to {host} was cut, or a frame on it was invalid.'),
  'conn.dropped': cause('conn.dropped', 'The connection to {host} was cut.', 'conn.lost'),
  'conn.protocol_error': cause(
    'conn.protocol_error',
    'An invalid WebSocket frame came over the connection to {host}.',
    'conn.lost',
  ),
  'conn.silent': cause('conn.silent', 'The connection to {host} went silent.'),
  'conn.stale': cause('conn.stale', 'The connection is dead, although {host} answers other requests.', 'conn.silent'),
  'conn.lost_host': cause('conn.lost_host', '{host} cannot be reached any more.', 'conn.silent'),
  'conn.restored': cause(
    'conn.restored',
    'The page came back from the back/forward cache or from sleep, and its connection may be dead.',
  ),
  'page.hidden': cause('page.hidden', 'The page was left, so the client disconnected.'),
} satisfies Record<string, Cause>

export type NamedCause = keyof typeof causes

const answeredMessage = '{host} answered with HTTP status {status}.'
const foreignMessage = 'A proxy or firewall answered with HTTP status {status} in place of {host}.'
const closedMessage = '{host} closed the connection ({code}{reason}).'
/** Statuses from a gateway (520 to 530: Cloudflare) about the server behind it, or (511) from a network's login page. */
export const gatewayStatuses = [407, 502, 504, 511, 520, 521, 522, 523, 524, 525, 526, 527, 530]
const statusMessages: Readonly<Record<number, string>> = {
  204: '{host} says that nothing more will come (204).',
  401: '{host} refused the credentials (401).',
  403: 'Access to {host} was refused (403), by the server or by a firewall in front.',
}

export function statusCause(status: number, isSession = false): Cause {
  const isForeign = isSession && rulingOf(`http.${status}`, false).verdict === 'stop'
  const message = isForeign ? foreignMessage : (statusMessages[status] ?? answeredMessage)
  const family = !isForeign && gatewayStatuses.includes(status) ? 'path.intercepted' : undefined
  return cause(`http.${status}`, message, family, isSession)
}

export function closeCause(code: number, isSession: boolean): Cause {
  return cause(`close.${code}`, closedMessage, undefined, isSession)
}

/** Returns the cause of that name. */
export function causeOf(name: string, isSession: boolean): Cause {
  const [group, number] = name.split('.')
  if (group === 'close') return closeCause(Number(number), isSession)
  return (causes as Readonly<Record<string, Cause>>)[name] ?? statusCause(Number(number), isSession)
}

/** Returns the coarser cause that includes this one, or the name itself. */
export function familyOf(name: string): string {
  return causeOf(name, false).family ?? name
}
