import type { Host } from '../api/host.ts'

/** How long it is believed that what was needed once is still needed. Counted from the first time, so that it always ends. */
export const ttlMs = 30 * 60_000

/** What this browser remembers of an endpoint. */
export interface Memory {
  /** The `type` of the transport to begin with. */
  readonly transport: string
  readonly roundTripMs: number | null
  /** When it ends, by the clock of the host. */
  readonly until: number
}

/** By endpoint. */
export type Memories = readonly (readonly [endpoint: string, memory: Memory])[]

/** What is stored under a key, without what is over. Each member is checked: anybody may have written it. */
export function storedMemories(host: Host, key: string): Memories {
  try {
    const stored: Readonly<Record<string, Memory | null>> = JSON.parse(host.recall(key) ?? '{}')
    return Object.entries(stored ?? {}).flatMap(([endpoint, memory]) => {
      if (typeof memory?.transport !== 'string' || !(memory.until > host.now() && memory.until <= host.now() + ttlMs)) return []
      const { transport, roundTripMs, until } = memory
      return [[endpoint, { transport, roundTripMs: Number.isFinite(roundTripMs) ? roundTripMs : null, until }]]
    })
  } catch {
    return []
  }
}
