import { base64url } from '../wire/base64.ts'

/** The transports of a SockJS server, as they are named in its URLs. */
export type PathName = 'websocket' | 'xhr_streaming' | 'eventsource' | 'xhr' | 'xhr_send'

/** One session's part of the URLs: each dial has a new one, since a session that has ended is answered with its end. */
export interface Session {
  /** For balancers that choose the node by it: three digits. */
  readonly server: string
  readonly id: string
}

/** A path below the URL of a SockJS service. Its query is kept: it may name a token. */
export function below(service: URL, path: string): URL {
  const url = new URL(service)
  let { pathname } = url
  while (pathname.endsWith('/')) pathname = pathname.slice(0, -1)
  url.pathname = `${pathname}/${path}`
  return url
}

/** Where one transport of a session is (sockjs-protocol 0.3, "Session URLs"). */
export function addressIn(service: URL, { server, id }: Session, name: PathName): URL {
  return below(service, `${encodeURIComponent(server)}/${encodeURIComponent(id)}/${name}`)
}

/** Three digits at random. */
export function serverName(random: () => number): string {
  return String(Math.floor(random() * 1000)).padStart(3, '0')
}

/** Both parts at random: an id of 128 bits, which nobody can guess. */
export function newSession(host: { random(): number; randomBytes(length: number): Uint8Array }): Session {
  return { server: serverName(() => host.random()), id: base64url(host.randomBytes(16)) }
}
