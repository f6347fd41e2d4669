import type { Host } from '../api/host.ts'

/** How long the transport memory is valid, in milliseconds. Counted from the first time, so that it always expires. */
export const ttlMs = 30 * 60_000

/** The transport memory of one endpoint. */
export interface Memory {
  /** The `type` of the transport to start with. */
  readonly transport: string
  readonly roundTripMs: number | null
  /** When it expires, by `Host.now()`. */
  readonly until: number
}

/** The memories by endpoint. */
export type Memories = readonly (readonly [endpoint: string, memory: Memory])[]

/** Returns the memories stored under a key that have not expired. Each member is validated: any script may have written it. */
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
