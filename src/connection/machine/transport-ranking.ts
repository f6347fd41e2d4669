/**
 * The ranking: which transports to try, in which order. It learns which transports work, and every record expires, so that no
 * transport is excluded for ever.
 */
export interface Ranking {
  readonly records: readonly TransportRecord[]
  /** The transport that was proven last, or is in the transport memory; `null` if none is known to work. */
  readonly preferred: number | null
}

export interface TransportRecord {
  /** Until then it is tried only after all others have failed. */
  readonly restUntil: number
  /** Rests in a row; each is twice as long as the one before. */
  readonly rests: number
  /** Demotions in a row; each is twice as long as the one before. */
  readonly demotions: number
  /** The server does not offer the transport: it is left out until then. `Infinity`: the browser does not support it. */
  readonly absentUntil: number
  /** Refused handshakes in a row without a known reason. */
  readonly refusals: number
  /** Connections in a row that opened and broke early. */
  readonly shortLives: number
  /** Whether it has ever opened: then the server offers it, even if a later response denies it. */
  readonly hasOpened: boolean
  /** Whether it failed and neither the page nor an outage was the reason: then the next visit should remember it. */
  readonly failsHere: boolean
}

const minuteMs = 60_000
const restMs = { first: 30_000, longest: 10 * minuteMs }
const demotionMs = { first: 5 * minuteMs, longest: 60 * minuteMs }
const absentMs = 10 * minuteMs
const shortLivesAllowed = 2
const refusalsAllowed = 3
/** A deployment, or a captive portal that wants a login, may last so long before the client concludes that there is no server. */
const hopelessAfterMs = 3 * minuteMs

const fresh: TransportRecord = {
  restUntil: 0,
  rests: 0,
  demotions: 0,
  absentUntil: 0,
  refusals: 0,
  shortLives: 0,
  hasOpened: false,
  failsHere: false,
}

/** Returns a ranking of `length` transports; if one is remembered, better ones rest until that memory expires. */
export function rankingOf(length: number, remembered: { readonly rank: number; readonly until: number } | null): Ranking {
  return {
    records: Array.from({ length }, (_, rank) =>
      remembered && rank < remembered.rank ? { ...fresh, restUntil: remembered.until, failsHere: true } : fresh,
    ),
    preferred: remembered?.rank ?? null,
  }
}

/**
 * Returns the transports to try now, in order. Those that keep breaking or rest come last; those that the server does not offer
 * are left out while there is any other.
 */
export function plan({ records }: Ranking, now: number): readonly number[] {
  const all = records.map((_, rank) => rank)
  const offered = all.filter((rank) => now >= atRank(records, rank).absentUntil)
  const healthy = offered.filter((rank) => isHealthy(atRank(records, rank), now))
  const order = [...healthy, ...offered.filter((rank) => !healthy.includes(rank))]
  return order.length ? order : all
}

/**
 * Whether the transport has just reached the limit of short lives, and a healthy one can be tried at once. Only at the limit:
 * after that, there must be a backoff between the rounds.
 */
export function hasAlternative({ records }: Ranking, rank: number, now: number): boolean {
  return (
    atRank(records, rank).shortLives === shortLivesAllowed &&
    records.some((record, other) => other !== rank && isHealthy(record, now))
  )
}

/** The transport's data is buffered by a proxy: it counts as one that keeps breaking. */
export function withheld(ranking: Ranking, rank: number): Ranking {
  return change(ranking, [rank], (record) => ({ ...record, shortLives: shortLivesAllowed }))
}

/** A lower transport opened: the better ones that were tried before it rest for a while. */
export function rest(ranking: Ranking, ranks: readonly number[], now: number): Ranking {
  return change(ranking, ranks, (record) =>
    record.restUntil > now ? record : { ...record, restUntil: now + doubling(restMs, record.rests), rests: record.rests + 1 },
  )
}

/** The transport was tried again and opened: it may be used at the next reconnect. */
export function recovered(ranking: Ranking, rank: number): Ranking {
  return change(ranking, [rank], (record) => ({ ...record, restUntil: 0, absentUntil: 0, failsHere: false }))
}

/** The transport opened. If it was refused just before, the refusals of the others may also have come from a captive portal. */
export function opened(ranking: Ranking, rank: number): Ranking {
  const { absentUntil, refusals } = atRank(ranking.records, rank)
  const wasDenied = absentUntil > 0 || refusals > 0
  const denied = wasDenied ? ranking.records.flatMap(({ absentUntil }, other) => (absentUntil < Infinity ? [other] : [])) : []
  const credited = change(ranking, denied, (record) => ({ ...record, absentUntil: 0 }))
  return change(credited, [rank], (record) => ({ ...record, hasOpened: true, absentUntil: 0, refusals: 0, failsHere: false }))
}

/** The transport is proven, which demotes better ones that keep opening and breaking. */
export function proven(ranking: Ranking, rank: number, now: number): Ranking {
  const suspects = ranking.records.flatMap((record, other) => (other < rank && isSuspect(record) ? [other] : []))
  return {
    ...change(ranking, suspects, (record) => ({
      ...record,
      shortLives: 0,
      restUntil: now + doubling(demotionMs, record.demotions),
      demotions: record.demotions + 1,
      failsHere: true,
    })),
    preferred: rank,
  }
}

/** How an open connection ended: too early, after it had worked, or for a reason that does not concern its transport. */
export type Life = 'short' | 'long' | 'neutral'

/** An open connection ended. */
export function ended(ranking: Ranking, rank: number, life: Life): Ranking {
  if (life === 'neutral') return ranking
  return change(ranking, [rank], (record) =>
    life === 'short' ? { ...record, shortLives: record.shortLives + 1 } : { ...record, shortLives: 0, rests: 0, demotions: 0 },
  )
}

/** Why a dial failed: the server does not offer it, the browser does not support it, no reason was given, or another reason. */
export type Refusal = 'absent' | 'unsupported' | 'mute' | 'spoken'

/** An attempt failed before it opened. `isTransportsFault`: neither the page nor an outage was the reason. */
export function refused(ranking: Ranking, rank: number, how: Refusal, now: number, isTransportsFault = false): Ranking {
  return change(ranking, [rank], (record) => ({
    ...record,
    failsHere: record.failsHere || isTransportsFault,
    // A transport that has opened is offered: a server that is being deployed may deny it for a while.
    absentUntil: how === 'unsupported' ? Infinity : how === 'absent' && !record.hasOpened ? now + absentMs : record.absentUntil,
    refusals: how === 'mute' ? record.refusals + 1 : 0,
  }))
}

/** Every transport failed, so it is the server or the network: discards what was learned about single transports. */
export function allFailed(ranking: Ranking): Ranking {
  return {
    records: ranking.records.map((record) => ({ ...record, restUntil: 0, rests: 0, shortLives: 0 })),
    preferred: null,
  }
}

/** The server refuses all clients, over every transport: short-lived connections are not held against their transports. */
export function withoutShortLives(ranking: Ranking): Ranking {
  const all = ranking.records.map((_, rank) => rank)
  return change(ranking, all, (record) => ({ ...record, shortLives: 0 }))
}

/**
 * A whole round failed: its failures are not remembered for the next visit. From the second failed round on, if no transport has
 * ever opened, "not offered" is ignored: it may have come from a captive portal, or from a server that is being deployed.
 */
export function reconsidered({ records, preferred }: Ranking, failedRounds: number): Ranking {
  const isBelieved = failedRounds < 2 || records.some(({ hasOpened }) => hasOpened)
  return {
    records: records.map((record) => ({
      ...record,
      failsHere: record.failsHere && failedRounds > 1,
      absentUntil: isBelieved || record.absentUntil === Infinity ? record.absentUntil : 0,
    })),
    preferred,
  }
}

/**
 * Returns the transport with which the next visit should start: the preferred one, if each better one is known to fail here.
 * `null`: none, since a better one that was not tried, or was blocked by the page, may work then.
 */
export function transportToRemember({ records, preferred }: Ranking): number | null {
  return preferred !== null && records.slice(0, preferred).every(({ failsHere }) => failsHere) ? preferred : null
}

/** Whether for minutes, over several rounds, no transport was offered and none ever worked: there may be no realtime server. */
export function isHopeless({ records }: Ranking, rounds: number, outageMs: number, now: number): boolean {
  const isAbsent = (record: TransportRecord) => record.absentUntil > now
  return (
    rounds >= refusalsAllowed &&
    outageMs >= hopelessAfterMs &&
    records.some((record) => isAbsent(record) && record.absentUntil < Infinity) &&
    records.every((record) => !record.hasOpened && (isAbsent(record) || record.refusals >= refusalsAllowed))
  )
}

/** Whether the transport does not rest, does not keep breaking, and is not known to be missing. */
export function isHealthy(record: TransportRecord, now: number): boolean {
  return now >= record.restUntil && now >= record.absentUntil && !isSuspect(record)
}

function isSuspect({ shortLives }: TransportRecord): boolean {
  return shortLives >= shortLivesAllowed
}

export function atRank<Item>(items: readonly Item[], index: number): Item {
  const item = items[index]
  if (item === undefined) throw new RangeError(`There is no transport at ${index}.`)
  return item
}

function doubling({ first, longest }: { readonly first: number; readonly longest: number }, times: number): number {
  return Math.min(first * 2 ** times, longest)
}

function change(ranking: Ranking, ranks: readonly number[], update: (record: TransportRecord) => TransportRecord): Ranking {
  return { ...ranking, records: ranking.records.map((record, rank) => (ranks.includes(rank) ? update(record) : record)) }
}
