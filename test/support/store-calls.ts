import type { Position, TopicLog, Versioned } from '../../src/server/store/ports.ts'
import { recordOf } from '../../src/server/testing/session-trial.ts'

/** The end of one topic. */
export async function tailOf(log: Pick<TopicLog, 'tails'>, topic: string): Promise<Position> {
  const [position] = await log.tails([topic])
  if (!position) throw new Error('The log gave no position.')
  return position
}

/** What a write replaces, where the test knows its version alone; 0 for none. */
export function versioned(version: number, record = recordOf()): Versioned | null {
  return version === 0 ? null : { record, version }
}
