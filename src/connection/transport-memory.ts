import type { Host } from '../api/host.ts'
import type { Settings } from '../client/settings.ts'
import { at } from './machine/transport-ranking.ts'
import { type Memories, type Memory, storedMemories, ttlMs } from './stored-memories.ts'

/** Paths may hold the number of a room: of so many endpoints of one origin, those of the latest visits are remembered. */
const mostEndpoints = 16

/** What worked for this endpoint, in this or an earlier visit. */
export function recall(
  settings: Settings,
  host: Host,
): { readonly rank: number; readonly roundTripMs: number | null; readonly until: number } | null {
  const memory = known(settings, storedMemories(host, keyOf(settings)))
  const rank = settings.endpoints.findIndex(({ transport }) => transport.type === memory?.transport)
  return memory && rank >= 0 ? { rank, roundTripMs: memory.roundTripMs, until: memory.until } : null
}

/** Remembers with which transport the next visit is to begin, or forgets when none is known to be better than the first. */
export function remember(rank: number | null, roundTripMs: number | null, settings: Settings, host: Host): void {
  const memories = storedMemories(host, keyOf(settings))
  const others = memories.filter(([endpoint]) => endpoint !== endpointOf(settings))
  const own = rank === null ? [] : [[endpointOf(settings), memoryOf(rank)] as const]
  const all = [...others, ...own].slice(-mostEndpoints)
  host.remember(keyOf(settings), all.length ? JSON.stringify(Object.fromEntries(all)) : null)

  function memoryOf(rank: number): Memory {
    const transport = at(settings.endpoints, rank).transport.type
    const before = known(settings, memories)
    return { transport, roundTripMs, until: before?.transport === transport ? before.until : host.now() + ttlMs }
  }
}

function keyOf({ url }: Settings): string {
  return `steadfast:${url.origin}`
}

/**
 * What a memory is good for: the same path, protocol and transports. What is offered differs from path to path, and a client that
 * has only poll has learned nothing about WebSocket.
 */
export function endpointOf({ url, mode, endpoints }: Settings): string {
  const places = endpoints.map(({ transport, url: { origin, pathname } }) => {
    const place = origin + pathname
    return place === url.origin + url.pathname ? transport.type : `${transport.type} ${place}`
  })
  return `${url.pathname} ${mode.name} ${places.join(', ')}`
}

function known(settings: Settings, memories: Memories): Memory | undefined {
  return memories.find(([endpoint]) => endpoint === endpointOf(settings))?.[1]
}
