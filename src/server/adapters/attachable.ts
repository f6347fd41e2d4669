import type { Server } from 'node:http'
import type { Http2SecureServer, Http2Server } from 'node:http2'
import type { Server as SecureServer } from 'node:https'
import { kindOf } from '../util/payload.ts'

/** The servers that `attach()` accepts: those of `node:http`, `node:https` and `node:http2`. */
export type AttachableServer = Server | SecureServer | Http2Server | Http2SecureServer

/** @throws TypeError that names the value, and what to pass instead */
export function checkAttachable(given: unknown): asserts given is AttachableServer {
  if (isServer(given)) return
  throw new TypeError(
    `RealtimeServer: attach() takes a server of node:http, node:https or node:http2; it was ${remedyFor(given)}.`,
  )
}

/** Restify's server has the members of a server, but holds one, which has the events. */
function isServer(given: unknown): boolean {
  return looksLikeServer(given) && !(has(given, 'server') && given.server !== given && looksLikeServer(given.server))
}

/** Checks capabilities, since test runners may load a class more than once. */
function looksLikeServer(given: unknown): boolean {
  return (
    typeof given === 'object' &&
    can(given, 'on', 'emit', 'listenerCount', 'listen', 'address') &&
    // Plain TCP and TLS servers have neither.
    (has(given, 'maxHeadersCount') || can(given, 'updateSettings'))
  )
}

function remedyFor(given: unknown): string {
  // Before any property is read: Nest's is not public, and Next's throws until prepare() was called.
  if (can(given, 'getHttpServer')) return 'an application of Nest: pass app.getHttpServer()'
  if (can(given, 'getRequestHandler'))
    return 'an application of Next: pass the server that hands its requests to app.getRequestHandler()'
  // The property that holds the server: in Fastify (which is also a promise) and Restify; in Hapi; in Vite.
  for (const name of ['server', 'listener', 'httpServer']) {
    if (has(given, name) && isServer(given[name])) return `what holds one: pass its \`${name}\``
  }
  if (can(given, 'then'))
    return 'a promise: await it, or attach to the server itself, which is there before it listens (in Fastify app.server)'
  if (has(given, 'httpServer'))
    return 'a Vite server in middleware mode, which has none: pass the server that its middlewares are on'
  if (can(given, 'fetch', 'request')) return 'an application of Hono: pass what serve() of @hono/node-server returned'
  // Its listen() returns the application itself.
  if (typeof given === 'object' && can(given, 'listen', 'handler'))
    return 'an application of Polka: pass its `server` once it listens, or createServer(app.handler)'
  if (can(given, 'listen') && (typeof given === 'function' || can(given, 'callback')))
    return 'an application: pass what app.listen() returned, or createServer(app)'
  if (can(given, 'listen', 'address'))
    return 'a server of plain TCP or TLS: make it with createServer() of node:http or node:https'
  if (typeof given === 'function') return 'a function: pass createServer(it)'
  return `${kindOf(given)}: pass what createServer() or app.listen() returned`
}

function has<Name extends string>(given: unknown, name: Name): given is Record<Name, unknown> {
  return (typeof given === 'object' || typeof given === 'function') && given !== null && name in given
}

function can(given: unknown, ...names: readonly string[]): boolean {
  return names.every((name) => has(given, name) && typeof given[name] === 'function')
}
