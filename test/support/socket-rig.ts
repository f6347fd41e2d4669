import { vi } from 'vitest'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import type { Ending } from '../../src/server/store/ports.ts'
import { type SocketCloseEvent, type SocketOptions, webSocketOver } from '../../src/socket/index.ts'
import type { RealtimeServersOptions } from './realtime-servers.ts'
import { type SessionRig, startRig, type TransportName, transportOf } from './session-rig.ts'
import { nodeHost } from './watched-client.ts'

/** A socket that records its events. */
export interface WatchedSocket {
  readonly socket: WebSocket
  /** The types of its events, with data and close codes. */
  readonly log: readonly unknown[]
  readonly data: readonly unknown[]
  /** Resolves with the one `close`. */
  closed(timeoutMs?: number): Promise<SocketCloseEvent>
  opened(): Promise<void>
}

export interface SocketBench extends AsyncDisposable {
  readonly rig: SessionRig
  /** The sessions that the server's handlers have seen. */
  readonly sessions: Session[]
  readonly endings: Ending[]
  socket(type: TransportName, protocols?: string | string[], options?: SocketOptions): WatchedSocket
}

/** Real servers behind a fault proxy, and sockets over them, closed with the test. */
export async function startSockets(
  options: RealtimeServerOptions | ((index: number) => RealtimeServerOptions) = {},
  more: Omit<RealtimeServersOptions, 'options'> = {},
): Promise<SocketBench> {
  const sessions: Session[] = []
  const endings: Ending[] = []
  const made: WatchedSocket[] = []
  const rig = await startRig({
    ...more,
    options: (index) => ({
      onSession: (session) => void sessions.push(session),
      onEnd: (_, ending) => void endings.push(ending),
      ...(typeof options === 'function' ? options(index) : options),
    }),
  })
  return {
    rig,
    sessions,
    endings,
    socket(type, protocols, own = {}) {
      const Socket = webSocketOver({ host: nodeHost, transports: [transportOf(type)], ...own })
      const watched = watch(new Socket(rig.url, protocols))
      made.push(watched)
      return watched
    },
    async [Symbol.asyncDispose]() {
      for (const { socket } of made) socket.close()
      await Promise.all(made.map((each) => each.closed(8000)))
      await rig[Symbol.asyncDispose]()
    },
  }
}

export function watch(socket: WebSocket): WatchedSocket {
  const log: unknown[] = []
  const data: unknown[] = []
  let end: SocketCloseEvent | null = null
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => void log.push('open')
  socket.onmessage = (event) => void data.push(event.data)
  socket.onerror = () => void log.push('error')
  socket.onclose = (event) => {
    end = event as unknown as SocketCloseEvent
    log.push([event.code, event.reason, event.wasClean, socket.readyState])
  }
  return {
    socket,
    log,
    data,
    closed: (timeoutMs = 5000) =>
      vi.waitFor(
        () => {
          if (!end) throw new Error(`not closed yet: ${JSON.stringify(log)}`)
          return end
        },
        { timeout: timeoutMs, interval: 5 },
      ),
    opened: () =>
      vi.waitFor(
        () => {
          if (socket.readyState !== 1) throw new Error(`not open: ${JSON.stringify(log)}`)
        },
        { timeout: 5000, interval: 5 },
      ),
  }
}
