/** Faults of a bad network, as bytes on the connection. */
import { ServerResponse } from 'node:http'

const handshakeKey = 'sec-websocket-key'
const longestStallMs = 120_000

/** Sends a text frame with all reserved bits set, although no extension was negotiated (RFC 6455, 5.2). */
export function damageFrame({ socket }) {
  socket.write(Buffer.from([0xf1, 5, ...Buffer.from('wrong')]))
}

/** Replaces the key of the handshake, so that the server's answer does not match the client's key (RFC 6455, 4.2.2). */
export function damageHandshake({ headers }) {
  headers[handshakeKey] = Buffer.alloc(16).toString('base64')
}

/** Nothing passes any more, either way, without notice: as if a router had forgotten the connection. */
export function stall({ socket, transport }) {
  socket.write = (_data, encoding, done) => {
    process.nextTick(typeof encoding === 'function' ? encoding : (done ?? (() => {})))
    return true
  }
  socket.end = () => socket
  socket.destroySoon = () => {}
  // Stops reading an upgraded socket; a request has been read already.
  if (transport === 'websocket') socket.removeAllListeners('data').resume()
  socket.once('end', () => socket.destroy())
  const timer = setTimeout(() => socket.destroy(), longestStallMs).unref()
  socket.once('close', () => clearTimeout(timer))
}

/** Calls back if this answer is an event stream that stays open, which is the only one without a length. */
export function whenStreaming(response, callback) {
  const { writeHead } = response
  response.writeHead = (status, headers = {}) => {
    writeHead.call(response, status, headers)
    if (status === 200 && /^text\/event-stream/.test(headers['Content-Type']) && !headers['Content-Length']) callback()
    return response
  }
}

/** Sends the headers and nothing else, like a proxy that buffers a complete answer before forwarding it. */
export function holdBack(response) {
  response.flushHeaders()
  response.write = () => true
}

/** Sends half of the next event, and cuts the connection. */
export function tear(response) {
  const { write } = response
  response.write = (chunk) => {
    const text = String(chunk)
    if (!/^(id|data):/.test(text)) return write.call(response, text)
    response.write = () => true
    return write.call(response, text.slice(0, text.length / 2), () => response.destroy())
  }
}

/** Answers like a proxy that cannot reach the server behind it. */
export function answerBusy(response) {
  const headers = { 'Retry-After': '5', Via: '1.1 a-proxy' }
  answerPage(response, 503, '503 Service Unavailable', 'So says a proxy, which does not reach the server behind it.', headers)
}

/** Answers like the captive portal of a hotel before the login. */
export function answerPortal(response) {
  answerPage(response, 200, 'Welcome to Hotel Skerry', 'Log in to use the network of this house.')
}

function answerPage(response, status, title, text, headers) {
  const page = `<!doctype html><title>${title}</title><h1>${title}</h1><p>${text}</p>\n`
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store', ...headers }).end(page)
}

/** Turns an upgrade into the plain request that a proxy without WebSocket support would forward; returns its response. */
export function strippedOf(request, socket) {
  delete request.headers.upgrade
  delete request.headers.connection
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.once('finish', () => socket.end())
  // An unread socket would not notice that the visitor has closed it.
  socket.resume()
  return response
}
