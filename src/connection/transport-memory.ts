import type { Host } from '../api/host.ts'
import type { Settings } from '../client/settings.ts'
import { at } from './machine/transport-ranking.ts'

/** How long it is believed that what was needed once is still needed. Counted from the first time, so that it always ends. */
const ttlMs = 30 * 60_000
/** Paths may hold the number of a room: of so many endpoints of one origin, those of the latest visits are remembered. */
const mostEndpoints = 16

interface Memory {
  readonly transport: string
  readonly roundTripMs: number | null
  readonly until: number
}

/** By endpoint. */
type Memories = readonly (readonly [endpoint: string, memory: Memory])[]

/** What worked for this endpoint, in this or an earlier visit. */
export function recall(
  settings: Settings,
  host: Host,
): { readonly rank: number; readonly roundTripMs: number | null; readonly until: number } | null {
  const memory = known(settings, read(settings, host))
  const rank = settings.endpoints.findIndex(({ transport }) => transport.type === memory?.transport)
  return memory && rank >= 0 ? { rank, roundTripMs: memory.roundTripMs, until: memory.until } : null
}

/** Remembers with which transport the next visit is to begin, or forgets when none is known to be better than the first. */
export function remember(rank: number | null, roundTripMs: number | null, settings: Settings, host: Host): void {
  const memories = read(settings, host)
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

/** What is stored for the origin, without what is over: anybody may have written it. */
function read(settings: Settings, host: Host): Memories {
  try {
    const stored: Readonly<Record<string, Memory | null>> = JSON.parse(host.recall(keyOf(settings)) ?? '{}')
    return Object.entries(stored ?? {}).flatMap(([endpoint, memory]) => {
      if (typeof memory?.transport !== 'string' || !(memory.until > host.now() && memory.until <= host.now() + ttlMs)) return []
      const { transport, roundTripMs, until } = memory
      return [[endpoint, { transport, roundTripMs: Number.isFinite(roundTripMs) ? roundTripMs : null, until }]]
    })
  } catch {
    return []
  }
}
