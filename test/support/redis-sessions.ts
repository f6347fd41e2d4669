import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisStore } from '../../src/redis/index.ts'
import type { SessionRecord, Versioned } from '../../src/server/store/ports.ts'

/** Limits that no read of the tests reaches. */
export const all = { maxMessages: 1000, maxBytes: 10_000_000 }

export function recordOf(more: Partial<SessionRecord> = {}): SessionRecord {
  return {
    epoch: 'e1',
    principalId: 'ann',
    principal: { id: 'ann' },
    authenticatedAt: 0,
    data: null,
    taken: 0,
    done: 0,
    redeliveredThrough: 0,
    lease: null,
    turn: 0,
    k: 0,
    subscriptions: [],
    lastStream: 0,
    lastEnd: null,
    ended: null,
    ...more,
  }
}

/** Creates a session; throws if it exists. */
export async function made({ sessions }: RedisStore, id: string, record = recordOf()): Promise<Versioned> {
  await sessions.read(id)
  const version = await sessions.write(id, record, null, sessions.now() + 60_000)
  if (version === null) throw new Error('It was there already.')
  return { record, version }
}

export async function until(isSo: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  for (const from = performance.now(); !(await isSo()); await sleep(10))
    if (performance.now() - from > withinMs) throw new Error(`It did not happen within ${withinMs} ms.`)
}
