import type { Host } from '../api/host.ts'
import type { Settings } from '../client/settings.ts'
import { atRank } from './machine/transport-ranking.ts'
import { type Memories, type Memory, storedMemories, ttlMs } from './stored-memories.ts'

/** The most endpoints that are remembered for one origin, the latest ones: a path may contain a room number, say. */
const maxEndpoints = 16

/** Returns what worked for this endpoint, in this or an earlier visit; `null` if nothing is known. */
export function recall(
  settings: Settings,
  host: Host,
): { readonly rank: number; readonly roundTripMs: number | null; readonly until: number } | null {
  const memory = known(settings, storedMemories(host, keyOf(settings)))
  const rank = settings.endpoints.findIndex(({ transport }) => transport.type === memory?.transport)
  return memory && rank >= 0 ? { rank, roundTripMs: memory.roundTripMs, until: memory.until } : null
}

/** Remembers the transport with which the next visit should start; `null` forgets it, so that it starts with the first. */
export function remember(rank: number | null, roundTripMs: number | null, settings: Settings, host: Host): void {
  const memories = storedMemories(host, keyOf(settings))
  const others = memories.filter(([endpoint]) => endpoint !== endpointOf(settings))
  const own = rank === null ? [] : [[endpointOf(settings), memoryOf(rank)] as const]
  const all = [...others, ...own].slice(-maxEndpoints)
  host.remember(keyOf(settings), all.length ? JSON.stringify(Object.fromEntries(all)) : null)

  function memoryOf(rank: number): Memory {
    const transport = atRank(settings.endpoints, rank).transport.type
    const before = known(settings, memories)
    return { transport, roundTripMs, until: before?.transport === transport ? before.until : host.now() + ttlMs }
  }
}

function keyOf({ url }: Settings): string {
  return `steadfast:${url.get().origin}`
}

/**
 * Returns the key of a memory: path, protocol and transports. Different paths may offer different transports, and a client with
 * poll alone has learned nothing about WebSocket.
 */
export function endpointOf({ url, mode, endpoints }: Settings): string {
  const { origin, pathname } = url.get()
  const places = endpoints.map((endpoint) => {
    const { type } = endpoint.transport
    const own = endpoint.url.get()
    const place = own.origin + own.pathname
    return place === origin + pathname ? type : `${type} ${place}`
  })
  return `${pathname} ${mode.name} ${places.join(', ')}`
}

function known(settings: Settings, memories: Memories): Memory | undefined {
  return memories.find(([endpoint]) => endpoint === endpointOf(settings))?.[1]
}
