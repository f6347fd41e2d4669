import type { Position, TopicLog, Versioned } from '../../src/server/store/ports.ts'
import { recordOf } from '../../src/server/testing/session-trial.ts'

/** The position of the end of one topic. */
export async function tailOf(log: Pick<TopicLog, 'tails'>, topic: string): Promise<Position> {
  const [position] = await log.tails([topic])
  if (!position) throw new Error('The log gave no position.')
  return position
}

/** The record that a write replaces, if the test knows only its version; 0 for none. */
export function versioned(version: number, record = recordOf()): Versioned | null {
  return version === 0 ? null : { record, version }
}
