import { base64url } from '../wire/base64.ts'

/** The transports of a SockJS server, by their names in its URLs. */
export type PathName = 'websocket' | 'xhr_streaming' | 'eventsource' | 'xhr' | 'xhr_send'

/** A session's part of the URLs. Each dial has a new one, since the server answers a request of an ended session with its end. */
export interface Session {
  /** Three digits by which a load balancer may choose the node. */
  readonly server: string
  readonly id: string
}

/** A path below the URL of a SockJS service. The query is kept: it may hold a token. */
export function below(service: URL, path: string): URL {
  const url = new URL(service)
  let { pathname } = url
  while (pathname.endsWith('/')) pathname = pathname.slice(0, -1)
  url.pathname = `${pathname}/${path}`
  return url
}

/** The URL of one transport of a session (sockjs-protocol 0.3, "Session URLs"). */
export function addressIn(service: URL, { server, id }: Session, name: PathName): URL {
  return below(service, `${encodeURIComponent(server)}/${encodeURIComponent(id)}/${name}`)
}

/** Three random digits. */
export function serverName(random: () => number): string {
  return String(Math.floor(random() * 1000)).padStart(3, '0')
}

/** A random session; its id has 128 bits, so that it cannot be guessed. */
export function newSession(host: { random(): number; randomBytes(length: number): Uint8Array }): Session {
  return { server: serverName(() => host.random()), id: base64url(host.randomBytes(16)) }
}
