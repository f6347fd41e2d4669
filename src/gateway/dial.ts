import type { WebSocket } from 'ws'
import type { AnyPrincipal } from '../server/session/session-handle.ts'
import type { SessionOffer, SessionRefusal } from '../server/session-offer.ts'
import { codes } from '../wire/steadfast-v1.ts'
import { backendHeaders, faultOfHeaders } from './headers.ts'
import { refusalOfError, refusalOfStatus, refusals } from './refusals.ts'
import type { GatewaySettings } from './settings.ts'
import { originOf, readTarget, withQuery } from './target.ts'

/** How long a backend may take to answer a Close frame, in milliseconds. */
const closeTimeoutMs = 5000

/** Options of `ws` that its types lack. */
const untypedOptions = { closeTimeout: closeTimeoutMs }

/**
 * Connects to the backend for one client. Resolves with a WebSocket that is open and paused, or with the refusal. The connection
 * is dropped if it is refused, takes too long, or the client's offer is aborted. Why a backend cannot be reached is reported, and
 * not told to the client.
 * @param outages the origins of backends that have been reported and not been reached since
 * @throws TypeError for an invalid result of `target()` or `headers()`, and whatever these throw
 */
export async function dial<Who extends AnyPrincipal>(
  settings: GatewaySettings<Who>,
  offer: SessionOffer<Who>,
  outages: Set<string>,
): Promise<WebSocket | SessionRefusal> {
  const { host, connectTimeoutMs } = settings
  const begun = new AbortController()
  const late = new Promise<SessionRefusal>((resolve) => {
    const end = () => {
      begun.abort()
      resolve(refusals.late)
    }
    const cancel = host.after(connectTimeoutMs, end)
    offer.signal.addEventListener('abort', end, { once: true })
    begun.signal.addEventListener('abort', cancel, { once: true })
  })
  try {
    return await Promise.race([late, connected(settings, offer, begun.signal, outages)])
  } finally {
    begun.abort()
  }
}

/** `over` is aborted when dial() has settled; a socket that is open by then has been handed over. */
async function connected<Who extends AnyPrincipal>(
  settings: GatewaySettings<Who>,
  offer: SessionOffer<Who>,
  over: AbortSignal,
  outages: Set<string>,
): Promise<WebSocket | SessionRefusal> {
  const target = await targetFor(settings, offer)
  if (!(target instanceof URL)) return target
  const { forwardHeaders, forwardQuery, isTrustedProxy, maxMessageBytes } = settings
  const more = typeof settings.headers === 'function' ? await settings.headers(offer) : settings.headers
  const fault = faultOfHeaders(more)
  if (fault !== null) throw new TypeError(`gateway: what headers() returned: ${fault}.`)
  const { WebSocket } = await loaded()
  if (over.aborted) return refusals.late
  const socket = new WebSocket(withQuery(target, offer.request.url ?? '', forwardQuery), [...offer.protocols], {
    headers: backendHeaders(offer.request, forwardHeaders, more, isTrustedProxy),
    followRedirects: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    ...untypedOptions,
  })
  const origin = originOf(target)
  const opening = await opened(socket, over)
  if (opening instanceof Error) {
    const refusal = refusalOfError(opening)
    if (refusal.code === codes.restarting && !over.aborted && !outages.has(origin)) {
      outages.add(origin)
      settings.host.report(unreachable(origin, opening))
    }
    return refusal
  }
  if (!('code' in opening)) outages.delete(origin)
  return opening
}

/** Of an address that leads to several machines the error is an `AggregateError` without a message. */
function unreachable(origin: string, cause: Error): Error {
  return new Error(`gateway: the backend ${origin} cannot be reached: ${cause.message || Reflect.get(cause, 'code')}`, { cause })
}

function opened(socket: WebSocket, over: AbortSignal): Promise<WebSocket | SessionRefusal | Error> {
  return new Promise((resolve) => {
    const giveUp = () => {
      if (socket.readyState === 0) socket.terminate()
    }
    over.addEventListener('abort', giveUp, { once: true })
    socket.on('error', resolve)
    socket.once('unexpected-response', (request, { statusCode = 0 }) => {
      resolve(refusalOfStatus(statusCode))
      request.destroy()
    })
    socket.once('open', () => {
      // Nothing is read until the session exists.
      socket.pause()
      resolve(socket)
    })
  })
}

async function targetFor<Who extends AnyPrincipal>(
  { target, allowedTargets }: GatewaySettings<Who>,
  offer: SessionOffer<Who>,
): Promise<URL | SessionRefusal> {
  if (target instanceof URL) return target
  const given = await target(offer)
  if (given === null) return refusals.noTarget
  const url = readTarget(given)
  if (typeof url === 'string')
    throw new TypeError(`gateway: target() must return a URL as 'ws://127.0.0.1:9000/path', or null: ${url}.`)
  return allowedTargets.has(originOf(url)) ? url : refusals.otherTarget
}

function loaded(): Promise<typeof import('ws')> {
  return import('ws').catch((error) => {
    throw new Error('gateway: backends need the package `ws`, version 8. Install it: npm install ws', { cause: error })
  })
}
