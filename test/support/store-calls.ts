import type { Position, SessionRecord, TopicLog, Versioned } from '../../src/server/store/ports.ts'

export const freshRecord: SessionRecord = {
  epoch: 'e1',
  principalId: 'ann',
  authenticatedAt: 0,
  principal: { id: 'ann', roles: ['reader'] },
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
}

/** The end of one topic. */
export async function tailOf(log: Pick<TopicLog, 'tails'>, topic: string): Promise<Position> {
  const [position] = await log.tails([topic])
  if (!position) throw new Error('The log gave no position.')
  return position
}

/** What a write replaces, where the test knows its version alone; 0 for none. */
export function versioned(version: number, record = freshRecord): Versioned | null {
  return version === 0 ? null : { record, version }
}
