/** What a bad network does to a connection, as bytes. */
import { ServerResponse } from 'node:http'

const handshakeKey = 'sec-websocket-key'
const longestStallMs = 120_000

/** A text frame all of whose reserved bits are set, which no extension has asked for (RFC 6455, 5.2). */
export function damageFrame({ socket }) {
  socket.write(Buffer.from([0xf1, 5, ...Buffer.from('wrong')]))
}

/** The answer proves that the server has read the key; to another key it proves nothing (RFC 6455, 4.2.2). */
export function damageHandshake({ headers }) {
  headers[handshakeKey] = Buffer.alloc(16).toString('base64')
}

/** Nothing passes any more, either way, and nobody says so: as where a router has forgotten the connection. */
export function stall({ socket, transport }) {
  socket.write = (_data, encoding, done) => {
    process.nextTick(typeof encoding === 'function' ? encoding : (done ?? (() => {})))
    return true
  }
  socket.end = () => socket
  socket.destroySoon = () => {}
  // What comes over an upgraded socket would still be read. A request has been read already.
  if (transport === 'websocket') socket.removeAllListeners('data').resume()
  socket.once('end', () => socket.destroy())
  const timer = setTimeout(() => socket.destroy(), longestStallMs).unref()
  socket.once('close', () => clearTimeout(timer))
}

/** Calls back when this answer turns out to be an event stream that stays open: it is the one that has no length. */
export function whenStreaming(response, callback) {
  const { writeHead } = response
  response.writeHead = (status, headers = {}) => {
    writeHead.call(response, status, headers)
    if (status === 200 && /^text\/event-stream/.test(headers['Content-Type']) && !headers['Content-Length']) callback()
    return response
  }
}

/** The headers leave and nothing else does, as behind a proxy that collects an answer before it passes it on. */
export function holdBack(response) {
  response.flushHeaders()
  response.write = () => true
}

/** Half of the next event still leaves. */
export function tear(response) {
  const { write } = response
  response.write = (chunk) => {
    const text = String(chunk)
    if (!/^(id|data):/.test(text)) return write.call(response, text)
    response.write = () => true
    return write.call(response, text.slice(0, text.length / 2), () => response.destroy())
  }
}

/** What a proxy says while it does not reach the server behind it. */
export function answerBusy(response) {
  const headers = { 'Retry-After': '5', Via: '1.1 a-proxy' }
  answerPage(response, 503, '503 Service Unavailable', 'So says a proxy, which does not reach the server behind it.', headers)
}

/** What the network of a hotel says to everything until somebody logs in. */
export function answerPortal(response) {
  answerPage(response, 200, 'Welcome to Hotel Skerry', 'Log in to use the network of this house.')
}

function answerPage(response, status, title, text, headers) {
  const page = `<!doctype html><title>${title}</title><h1>${title}</h1><p>${text}</p>\n`
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store', ...headers }).end(page)
}

/** An upgrade as what comes out of a proxy that does not know it: a plain request, with the way to answer it. */
export function strippedOf(request, socket) {
  delete request.headers.upgrade
  delete request.headers.connection
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.once('finish', () => socket.end())
  // Unread, it would not hear that the visitor hung up.
  socket.resume()
  return response
}
