import { at, type Ladder } from './connection/ladder.ts'
import type { Host } from './host/host.ts'
import type { Settings } from './settings.ts'

/** How long it is believed that what was needed once is still needed. Counted from the first time, so that it always ends. */
const ttlMs = 30 * 60_000

interface Memory {
  readonly transport: string
  readonly roundTripMs: number | null
  readonly until: number
}

/** What worked for this origin, in this or an earlier visit. */
export function recall(
  { url, ways }: Settings,
  host: Host,
): { readonly rung: number; readonly roundTripMs: number | null; readonly until: number } | null {
  const memory = read(url, host)
  const rung = ways.findIndex(({ transport }) => transport.type === memory?.transport)
  return memory && rung >= 0 ? { rung, roundTripMs: memory.roundTripMs, until: memory.until } : null
}

/** Remembers the rung that was proven last, or forgets when none is known to work. */
export function remember({ preferred }: Ladder, roundTripMs: number | null, { url, ways }: Settings, host: Host): void {
  if (preferred === null) {
    host.remember(keyOf(url), null)
    return
  }
  const transport = at(ways, preferred).transport.type
  const known = read(url, host)
  const until = known?.transport === transport ? known.until : host.now() + ttlMs
  host.remember(keyOf(url), JSON.stringify({ transport, roundTripMs, until } satisfies Memory))
}

function keyOf({ origin }: URL): string {
  return `steadfast:${origin}`
}

function read(url: URL, host: Host): Memory | null {
  try {
    const memory = JSON.parse(host.recall(keyOf(url)) ?? 'null')
    const isWhole = typeof memory?.transport === 'string' && memory.until > host.now() && memory.until <= host.now() + ttlMs
    return isWhole
      ? {
          transport: memory.transport,
          roundTripMs: Number.isFinite(memory.roundTripMs) ? memory.roundTripMs : null,
          until: memory.until,
        }
      : null
  } catch {
    return null
  }
}
