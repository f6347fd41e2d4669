import type { CloseFrame } from '../../wire/steadfast-v1.ts'
import type { SessionRecord } from '../store/ports.ts'
import { Queue } from '../util/queue.ts'
import { type Authentication, type JoinRequest, joined } from './join-request.ts'

/** How many joins, and how many amendments, share one write; others wait for the next. */
const maxAtOnce = 500

/** The result of an amendment; a `null` record means that the session has ended or does not exist. */
export type Outcome = { readonly record: SessionRecord | null } | { readonly error: unknown }

/** A change of the record that an attachment or the application requests. */
export interface Amendment {
  /** Returns the new record; called again if another node wrote first. An error that it throws becomes the outcome. */
  change(record: SessionRecord): SessionRecord
  /**
   * Called with the outcome; `null` if no caller waits for it. If the store fails, an amendment with `settled` ends with the
   * error, and one without is retried.
   */
  readonly settled: ((outcome: Outcome) => void) | null
}

/** Requests that share one write. */
export interface RequestBatch {
  readonly joins: readonly JoinRequest[]
  readonly amendments: readonly Amendment[]
  /** Whether it holds as many as one write may serve. */
  readonly isFull: boolean
}

export const emptyBatch: RequestBatch = { joins: [], amendments: [], isFull: false }

/** The joins and amendments that wait for the next write of one session's record, each in order of arrival. */
export class RecordRequests {
  #joins: Queue<JoinRequest> | null = null
  #amendments: Queue<Amendment> | null = null

  get isEmpty(): boolean {
    return !this.#joins && !this.#amendments
  }

  get firstJoin(): JoinRequest | undefined {
    return this.#joins?.first
  }

  join(join: JoinRequest): void {
    this.#joins ??= new Queue()
    this.#joins.push(join)
  }

  amend(amendment: Amendment): void {
    this.#amendments ??= new Queue()
    this.#amendments.push(amendment)
  }

  /** A copy of the first requests, which stay until `served`: requests that arrive during the write wait for the next one. */
  batch(): RequestBatch {
    const joins = this.#joins?.peek(maxAtOnce) ?? []
    const amendments = this.#amendments?.peek(maxAtOnce) ?? []
    return { joins, amendments, isFull: joins.length === maxAtOnce || amendments.length === maxAtOnce }
  }

  served({ joins, amendments }: RequestBatch): void {
    this.#joins = rest(this.#joins, joins.length)
    this.#amendments = rest(this.#amendments, amendments.length)
  }

  firstJoinServed(): void {
    this.#joins = rest(this.#joins, 1)
  }

  /** Drops all amendments: there is no session to amend. */
  dropAmendments(): void {
    const amendments = this.#amendments?.peek(Infinity) ?? []
    this.#amendments = null
    for (const { settled } of amendments) settled?.({ record: null })
  }

  /** Refuses the joins before the first that may create the session, at most one batch of them. */
  refuseUntilCreator(close: CloseFrame): void {
    const first = this.#joins?.peek(maxAtOnce) ?? []
    const creator = first.findIndex(({ mayCreate }) => mayCreate)
    const joins = creator < 0 ? first : first.slice(0, creator)
    this.#joins = rest(this.#joins, joins.length)
    for (const join of joins) join.refused(close)
  }

  /** The store has failed: refuses all joins, and all amendments for which a caller waits. The other amendments stay. */
  fail(error: unknown, close: CloseFrame): void {
    const joins = this.#joins?.peek(Infinity) ?? []
    const amendments = this.#amendments?.peek(Infinity) ?? []
    this.#joins = null
    this.#amendments = null
    for (const amendment of amendments) if (!amendment.settled) this.amend(amendment)
    for (const join of joins) join.refused(close)
    for (const { settled } of amendments) settled?.({ error })
  }
}

/** Pure: the record after a batch, and each amendment's outcome. `isOver`: the session had ended before. */
export function requested(
  record: SessionRecord,
  { joins, amendments }: RequestBatch,
  authentication: Authentication,
  isOver: boolean,
): { readonly record: SessionRecord; readonly outcomes: readonly Outcome[] } {
  let after = record
  for (const join of joins) after = joined(after, join, authentication)
  const outcomes: Outcome[] = []
  for (const { change } of amendments) {
    const outcome = isOver ? { record: null } : outcomeOf(change, after)
    if ('record' in outcome && outcome.record) after = outcome.record
    outcomes.push(outcome)
  }
  return { record: after, outcomes }
}

function outcomeOf(change: Amendment['change'], record: SessionRecord): Outcome {
  try {
    return { record: change(record) }
  } catch (error) {
    return { error }
  }
}

function rest<Item>(queue: Queue<Item> | null, done: number): Queue<Item> | null {
  queue?.drop(done)
  return queue && queue.length > 0 ? queue : null
}
