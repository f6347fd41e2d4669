/** What to do: try again, try another transport, or stop until the application says `connect()`. */
export type Verdict = 'retry' | 'fallback' | 'stop'

/**
 * Narrows a verdict. `credentials`: stop, but ask `prepare()` for fresh ones first. `not-offered`: the server does not have this
 * transport, or this page may not use it, so it is left out for a while.
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
  'policy.csp': cause('fallback', "The page's Content-Security-Policy forbids it{violation}.", '', 'not-offered'),
  'policy.mixed_content': cause('fallback', 'A page that came over https may not connect without TLS.', '', 'not-offered'),
  'policy.blocked_port': cause('fallback', 'Browsers connect to no server on this port.', '', 'not-offered'),
  'policy.client_blocked': cause('fallback', 'Something in this browser, perhaps an extension, does not let it pass.'),
  'policy.blocked': cause('fallback', 'The browser did not allow the connection ({detail}).'),
  'client.unsupported': cause('fallback', 'This browser lacks {detail}.', '', 'not-offered'),
  'client.pool_exhausted': cause('fallback', 'All the connections that one origin should have are held already.'),
  'client.unprepared': cause('retry', '{detail}'),
  'client.outbox_full': cause('retry', 'The outbox is full, so a message was dropped.'),
  'client.expired': cause('retry', 'A message waited longer than it may.'),
  'client.too_large': cause('retry', 'A message is larger than the server takes.'),
  'client.unreadable': cause('retry', 'A message could not be read: {detail}.'),
  'client.unread': cause('retry', 'Too many messages were left unread, so the client hung up until they are read.'),
  'net.offline': cause('fallback', 'This device has no network.'),
  'net.unreachable': cause('fallback', 'No connection came about; browsers do not say why.'),
  'net.dns': cause('fallback', "The server's name leads nowhere.", 'net.unreachable'),
  'net.refused': cause('fallback', 'Nothing listens there.', 'net.unreachable'),
  'net.reset': cause('fallback', 'It was cut while it was being made.', 'net.unreachable'),
  'net.timeout': cause('fallback', 'Nothing answered in time.'),
  'tls.certificate': cause('fallback', "The browser does not trust the server's certificate.", 'net.unreachable'),
  'tls.handshake': cause('fallback', 'Browser and server did not agree on TLS.', 'net.unreachable'),
  'path.proxy_refused': cause('fallback', 'A proxy forbids this host.', 'net.unreachable'),
  'path.proxy_auth': cause('fallback', 'A proxy wants a login first.'),
  'path.intercepted': cause('fallback', 'Something answers that this page may not read: not the server, or one without CORS.'),
  'path.intermediary': cause(
    'fallback',
    'Something on the way, a proxy or a firewall, answers in place of the server.',
    'path.intercepted',
  ),
  'path.captive': cause('fallback', 'A portal of this network answers in place of the server.', 'path.intercepted'),
  'http.cors': cause('fallback', 'The server answers without the CORS headers that let this page read it.', 'path.intercepted'),
  'http.redirect': cause('fallback', 'The server redirects elsewhere.'),
  'http.not_realtime': cause('fallback', 'The answer is {contentType}, not messages.', '', 'not-offered'),
  'ws.failed': cause('fallback', 'The WebSocket failed where HTTP passes.'),
  'ws.upgrade_stripped': cause('fallback', 'Something on the way makes a plain request of the WebSocket.', 'ws.failed'),
  'ws.upgrade_blocked': cause('fallback', 'Something on the way lets HTTP pass but no WebSocket.', 'ws.failed'),
  'ws.upgrade_hang': cause('fallback', 'The WebSocket handshake is swallowed, while HTTP is answered.', 'ws.failed'),
  'ws.bad_handshake': cause('fallback', 'What came back for the WebSocket handshake is damaged.', 'ws.failed'),
  'ws.subprotocol': cause('fallback', 'Browser and server did not agree on a subprotocol.', 'ws.failed'),
  'protocol-mismatch': cause('fallback', 'The server does not speak steadfast.v1: {detail}.', '', 'not-offered'),
  'session.lost': cause('retry', 'The server lost the session, so what it had not acknowledged is not sent again.'),
  'server.two_stores': cause('retry', 'Two servers that share no store answer in turn, so each loses the session.'),
  'sse.buffered': cause('fallback', 'Something on the way holds back what the server sends.'),
  'stream.broken': cause('retry', 'The answer broke off.'),
  'stream.truncated': cause('retry', 'The answer was cut off on its way.', 'stream.broken'),
  'stream.decode': cause('retry', 'What the server sends is compressed in a way that the browser cannot undo.', 'stream.broken'),
  'stream.oversized': cause('fallback', 'What came is longer than this client reads at once.'),
  'stream.ended': cause('retry', 'The server ended the stream.'),
  'conn.lost': cause('retry', 'The connection was cut, or what came over it was damaged.'),
  'conn.dropped': cause('retry', 'The connection was cut.', 'conn.lost'),
  'conn.protocol_error': cause('retry', 'What came over the connection is no valid WebSocket.', 'conn.lost'),
  'conn.silent': cause('retry', 'The connection went silent.'),
  'conn.stale': cause('retry', 'The connection is dead, though the server answers others.', 'conn.silent'),
  'conn.lost_host': cause('retry', 'The server cannot be reached any more.', 'conn.silent'),
  'conn.restored': cause('retry', 'The page came back with a connection that cannot be believed.'),
  'page.hidden': cause('retry', 'The page was put away, so the client hung up.'),
} satisfies Record<string, Cause>

export type NamedCause = keyof typeof causes

const answeredMessage = 'The server answered {status}.'
const closedMessage = 'The server closed the connection ({code}{reason}).'
const refusedMessage = 'The server refused the credentials ({status}).'

/** HTTP statuses of which more is to be said than that this transport does not work. 410 is what nchan says at a reload. */
export const statuses: Readonly<Record<number, Cause>> = {
  204: cause('stop', 'The server says that nothing more will come (204).'),
  401: cause('stop', refusedMessage, '', 'credentials'),
  403: cause('stop', refusedMessage, '', 'credentials'),
  ...each([404, 405, 406, 426, 501], cause('fallback', answeredMessage, '', 'not-offered')),
  // They speak of the whole server, so that another transport would hear the same.
  ...each([408, 410, 425, 429, 502, 503, 504], cause('retry', answeredMessage)),
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
/** A session's server marks what it says, so this is not its own word about the credentials. */
const foreignRefusal = cause('fallback', 'Something on the way answered {status} in place of the server.')

export function statusCause(status: number, isSession = false): Cause {
  const known = statuses[status] ?? otherStatus
  return isSession && known.hint === 'credentials' ? foreignRefusal : known
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
