import type { NamedCause, OwnCause } from './diagnosis/causes.ts'

/**
 * The first thing to do about a failure, by its cause: `new RealtimeClient(url, { causes: remedies })` puts it into every
 * diagnosis; loaded on demand, `remedies[diagnosis.cause]?.remedy` is the same. A cause that is not here has none that would help.
 */
export const remedies: Readonly<Record<string, OwnCause>> = about({
  'policy.csp': "Add the server to connect-src of the page's Content-Security-Policy, with wss:// and with https://.",
  'policy.mixed_content': 'Give the server TLS and connect to wss:// or https://.',
  'policy.blocked_port': 'Let the server listen on another port; 443 passes nearly everywhere.',
  'policy.client_blocked': 'Try a window without extensions; if that helps, ask for an exception, or rename the URL.',
  'policy.blocked': "Look into the browser's console: it says there what was not allowed.",
  'client.pool_exhausted': 'Serve the site over HTTP/2 or share one connection between its tabs: HTTP/1.1 has six for each host.',
  'client.unprepared': 'Look at what prepare() throws or returns.',
  'client.outbox_full': 'Send less while there is no connection, raise `outbox`, or let it drop the oldest.',
  'client.too_large': "Split the message, or raise maxMessageBytes in the server's limits.",
  'client.unreadable': 'Let the codec agree with what the server sends.',
  'client.unread': 'Read faster, or drop what nobody needs.',
  'net.offline': 'Connect this device to a network.',
  'net.unreachable': "Look into the browser's console: it names the error (net::ERR_…) that a page is not told.",
  'net.dns': 'Check the spelling of the host, and that its name resolves from here.',
  'net.refused': 'See whether the server runs, and listens on this port.',
  'net.reset': 'See whether a firewall or a proxy on the way closes connections to this host.',
  'net.timeout': 'See whether a firewall drops the packets, or the server is overloaded.',
  'tls.certificate': 'Look at the certificate: openssl s_client -connect host:443 -servername host shows it and its dates.',
  'tls.handshake': 'Let the server offer TLS 1.2 or 1.3 on this port, and ask for no client certificate.',
  'path.proxy_refused': 'Ask whoever runs the proxy to allow the host.',
  'path.proxy_auth': 'Open any page in this browser and log in to the proxy.',
  'path.intercepted': 'Open the URL in a tab of its own and see who answers; then look at CORS (Access-Control-Allow-Origin).',
  'path.intermediary': 'Open the URL in a tab of its own: the answer names the proxy, the load balancer or the firewall.',
  'path.captive': "Open any page and log in to this network's portal.",
  'http.cors': "Let the server allow this page's origin (Access-Control-Allow-Origin), with credentials where they are sent.",
  'http.redirect': 'Connect to where it redirects to; if that is a login, log in first.',
  'http.not_realtime': 'Check the URL: something else answers there.',
  'http.400': 'Compare the URL and its query with what the server expects.',
  'http.401': 'Let prepare() return fresh credentials.',
  'http.403': "Look at the server's list of allowed origins, and at what this user may do.",
  'http.404': 'Check the path of the URL, and that the proxy in front passes it on.',
  'http.426': 'Let the proxy in front pass on Upgrade and Connection (nginx: proxy_http_version 1.1).',
  'http.429': 'Connect less often, or raise the limit.',
  'http.502': 'See whether the server behind the proxy runs.',
  'http.503': 'See whether the server behind the proxy runs, and is not closed for maintenance.',
  'http.504': 'Raise the time limit of the proxy above the time for which a request is held.',
  'ws.failed':
    'Let the proxy in front pass on Upgrade and Connection (nginx: proxy_http_version 1.1); meanwhile another transport does.',
  'ws.upgrade_stripped': 'Let the proxy in front pass on Upgrade and Connection (nginx: proxy_http_version 1.1).',
  'ws.upgrade_blocked':
    'Nothing need be done: another transport does. To have WebSocket, use wss:// or ask whoever runs the network.',
  'ws.upgrade_hang':
    'Nothing need be done: another transport does. To have WebSocket, use wss:// or ask whoever runs the network.',
  'ws.bad_handshake': 'Look at what the proxy in front makes of the 101 answer.',
  'ws.subprotocol': 'Let the server select one of the subprotocols that the client offers, and no other.',
  'protocol-mismatch': "Let steadfast/server serve this URL, or leave out protocol: 'session'.",
  'session.lost': 'Raise resumeWindowMs, or give all nodes one store.',
  'server.two_stores': 'Give all servers at this URL one store, or run one process.',
  'sse.buffered': 'Turn off buffering in the proxy in front (X-Accel-Buffering: no) and compression for this URL.',
  'stream.truncated': 'See whether a proxy ends answers after a fixed time, and shorten the heartbeat below it.',
  'stream.oversized': 'See what answers at this URL; if it is your server, let it send less at once.',
  'stream.decode': 'Turn off compression for this URL.',
  'conn.dropped': 'If it happens after the same time again and again, a proxy has an idle limit: shorten the heartbeat below it.',
  'conn.protocol_error': 'Turn off compression (permessage-deflate) and look for a box on the way that alters what it passes on.',
  'close.1008': "The server's policy forbids it: its reason says why.",
  'close.1009': 'Send smaller messages, or raise the limit of the server.',
  'close.4400': 'Bring client and server to the same version.',
  'close.4401': 'Let prepare() return fresh credentials.',
  'close.4403':
    'If the reason names an origin, add it to `origins`; if it is the address of the server itself, let the proxy in front pass on Host (nginx: $http_host), or set `publicOrigins`. Otherwise see what this user may do.',
  'close.4429': 'Connect less often, or raise the limits of the server.',
} satisfies Partial<Record<NamedCause | `http.${number}` | `close.${number}`, string>>)

function about(texts: Readonly<Record<string, string>>): Readonly<Record<string, OwnCause>> {
  return Object.fromEntries(Object.entries(texts).map(([cause, remedy]) => [cause, { remedy }]))
}
