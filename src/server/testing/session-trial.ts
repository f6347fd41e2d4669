import { ok } from 'node:assert/strict'
import type { PrivateEntry, SessionNews, SessionRecord, SessionStore, Versioned } from '../store/ports.ts'
import type { Check, ContractSettings, OpenedStore } from './contract-case.ts'
import { freshName } from './random.ts'
import { everything, readAll } from './readings.ts'

/** A `SessionStore` under test, opened for one case. */
export type OpenedSessionStore = OpenedStore<SessionStore>

/** The context of one case's checks. */
export interface SessionTrial extends ContractSettings {
  readonly store: OpenedSessionStore
  readonly one: SessionStore
  readonly other: SessionStore
  /** The id of a session that does not exist. */
  readonly id: string
  /** A principal that was never used. */
  readonly ann: string
}

export type SessionCheck = Check<SessionTrial>

export function sessionTrialOf(store: OpenedSessionStore, settings: ContractSettings): SessionTrial {
  return { ...settings, store, one: store.nodes[0], other: store.nodes[1], id: freshName('session'), ann: freshName('ann') }
}

/** The record of a new session, with changes. */
export function recordOf(more: Partial<SessionRecord> = {}): SessionRecord {
  return {
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
    ...more,
  }
}

export const ending = { by: 'server', code: 4001, reason: 'kicked' } as const

/** A minute from now on the store's clock. */
export function later(store: SessionStore): number {
  return store.now() + 60_000
}

/** Writes the first record of a session. */
export async function made(store: SessionStore, id: string, record = recordOf(), expiresAt?: number): Promise<Versioned> {
  const version = await store.write(id, record, null, expiresAt ?? later(store))
  ok(version !== null, 'a session that nobody made can be made')
  ok(Number.isSafeInteger(version) && version > 0, `a version is an integer from 1 to 2^53 − 1, not ${version}`)
  return { record, version }
}

/** Replaces a record. */
export async function replaced(
  store: SessionStore,
  id: string,
  before: Versioned,
  change: Partial<SessionRecord>,
  expiresAt?: number,
): Promise<Versioned> {
  const record = { ...before.record, ...change }
  const version = await store.write(id, record, before, expiresAt ?? later(store))
  ok(version !== null, 'the current record can be replaced')
  return { record, version }
}

export function entriesOf(store: SessionStore, id: string, after = 0, limits = everything): Promise<PrivateEntry[]> {
  const readAfter = async (position: number, within: typeof limits) => {
    const reading = await store.readAfter(id, position, within)
    ok(reading, 'a session that is there has a private stream')
    return reading
  }
  return readAll(readAfter, after, limits)
}

/** Watches a session; resolves when the watch is in force. */
export async function listen(store: SessionStore, id: string) {
  const news: SessionNews[] = []
  const watch = store.watch(id, (each) => news.push(each))
  await watch.ready
  return {
    news,
    stop: () => watch.stop(),
    /** Whether this change, or a missed announcement, was announced. */
    has: (change: { readonly version: number } | { readonly tail: number }) =>
      news.some((each) => {
        if (each === null) return true
        return 'version' in change
          ? 'version' in each && each.version === change.version
          : 'tail' in each && each.tail >= change.tail
      }),
  }
}
