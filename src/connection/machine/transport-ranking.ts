/**
 * The ranking: which transports to try, in which order. It learns what works here and now, and forgets again, so that no
 * verdict about a transport is for ever.
 */
export interface Ranking {
  readonly records: readonly TransportRecord[]
  /** The transport that was proven last, or remembered; `null` when none is known to work. */
  readonly preferred: number | null
}

export interface TransportRecord {
  /** Until then it is tried only when everything else has failed. */
  readonly restUntil: number
  /** Rests in a row; each is twice as long. */
  readonly rests: number
  /** Demotions in a row, likewise. */
  readonly demotions: number
  /** The server said that it does not offer this: left out until then. `Infinity`: this browser cannot do it. */
  readonly absentUntil: number
  /** Refused handshakes in a row of which nobody can say why. */
  readonly refusals: number
  /** Connections in a row that opened and soon broke. */
  readonly shortLives: number
  /** Whether it has ever opened: then the server has it, whatever else it says. */
  readonly hasOpened: boolean
  /** Whether it failed where neither the page nor an outage was the reason: worth remembering for the next visit. */
  readonly failsHere: boolean
}

const minuteMs = 60_000
const restMs = { first: 30_000, longest: 10 * minuteMs }
const demotionMs = { first: 5 * minuteMs, longest: 60 * minuteMs }
const absentMs = 10 * minuteMs
const shortLivesAllowed = 2
const refusalsAllowed = 3
/** So long a server may be deployed, or a portal want a login, before anybody believes that nothing will come of it. */
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

/** A ranking of so many transports; with a remembered one, better ones rest until that memory ends. */
export function rankingOf(length: number, remembered: { readonly rank: number; readonly until: number } | null): Ranking {
  return {
    records: Array.from({ length }, (_, rank) =>
      remembered && rank < remembered.rank ? { ...fresh, restUntil: remembered.until, failsHere: true } : fresh,
    ),
    preferred: remembered?.rank ?? null,
  }
}

/**
 * The transports to try now, in order. Those that keep breaking or rest come last; those that the server does not offer are left
 * out while there is any other.
 */
export function plan({ records }: Ranking, now: number): readonly number[] {
  const all = records.map((_, rank) => rank)
  const offered = all.filter((rank) => now >= at(records, rank).absentUntil)
  const healthy = offered.filter((rank) => isHealthy(at(records, rank), now))
  const order = [...healthy, ...offered.filter((rank) => !healthy.includes(rank))]
  return order.length ? order : all
}

/**
 * Whether the transport has just shown that it keeps breaking, and something healthy is left to be tried at once. Only just: once
 * it is known, waits must lie between the rounds.
 */
export function hasAlternative({ records }: Ranking, rank: number, now: number): boolean {
  return (
    at(records, rank).shortLives === shortLivesAllowed &&
    records.some((record, other) => other !== rank && isHealthy(record, now))
  )
}

/** The transport holds back what it carries: it counts as one that keeps breaking. */
export function withheld(ranking: Ranking, rank: number): Ranking {
  return change(ranking, [rank], (record) => ({ ...record, shortLives: shortLivesAllowed }))
}

/** A lower transport opened: the better ones that were tried before it rest for a while. */
export function rest(ranking: Ranking, ranks: readonly number[], now: number): Ranking {
  return change(ranking, ranks, (record) =>
    record.restUntil > now ? record : { ...record, restUntil: now + doubling(restMs, record.rests), rests: record.rests + 1 },
  )
}

/** It was tried again and would work: nothing speaks against it at the next reconnect. */
export function recovered(ranking: Ranking, rank: number): Ranking {
  return change(ranking, [rank], (record) => ({ ...record, restUntil: 0, absentUntil: 0, failsHere: false }))
}

/** The transport opened. Where it had just been refused, what was said of the others may have been said in the server's place: by a portal. */
export function opened(ranking: Ranking, rank: number): Ranking {
  const { absentUntil, refusals } = at(ranking.records, rank)
  const wasDenied = absentUntil > 0 || refusals > 0
  const denied = wasDenied ? ranking.records.flatMap(({ absentUntil }, other) => (absentUntil < Infinity ? [other] : [])) : []
  const credited = change(ranking, denied, (record) => ({ ...record, absentUntil: 0 }))
  return change(credited, [rank], (record) => ({ ...record, hasOpened: true, absentUntil: 0, refusals: 0, failsHere: false }))
}

/** The transport has proven itself, and by that demotes better ones that keep opening and breaking. */
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

/** How an open connection ended: too soon, after it had worked, or for a reason that tells nothing of its transport. */
export type Life = 'short' | 'long' | 'neutral'

/** An open connection ended. */
export function ended(ranking: Ranking, rank: number, life: Life): Ranking {
  if (life === 'neutral') return ranking
  return change(ranking, [rank], (record) =>
    life === 'short' ? { ...record, shortLives: record.shortLives + 1 } : { ...record, shortLives: 0, rests: 0, demotions: 0 },
  )
}

/** The server does not have it, this browser does not have it, nobody said anything, or something else was said. */
export type Refusal = 'absent' | 'unsupported' | 'mute' | 'spoken'

/** An attempt failed before it opened. `isTransportsFault`: neither the page nor an outage was the reason. */
export function refused(ranking: Ranking, rank: number, how: Refusal, now: number, isTransportsFault = false): Ranking {
  return change(ranking, [rank], (record) => ({
    ...record,
    failsHere: record.failsHere || isTransportsFault,
    // What has opened is there: a server that is being deployed says otherwise for a while.
    absentUntil: how === 'unsupported' ? Infinity : how === 'absent' && !record.hasOpened ? now + absentMs : record.absentUntil,
    refusals: how === 'mute' ? record.refusals + 1 : 0,
  }))
}

/** Every transport failed, so it is the server or the network: what was learned about single transports was learned in vain. */
export function allFailed(ranking: Ranking): Ranking {
  return {
    records: ranking.records.map((record) => ({ ...record, restUntil: 0, rests: 0, shortLives: 0 })),
    preferred: null,
  }
}

/** The server wants nobody, over no transport: connections that it ended soon tell nothing of theirs. */
export function excused(ranking: Ranking): Ranking {
  const all = ranking.records.map((_, rank) => rank)
  return change(ranking, all, (record) => ({ ...record, shortLives: 0 }))
}

/**
 * A round failed as a whole: its failures are no lesson for the next visit. From the second on, where no transport has ever opened, it is not
 * believed any more that some are not offered: a portal may have said so, or a server that is being deployed.
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
 * What the next visit should begin with: the preferred transport, if each better one is known to fail here. `null`: nothing, for what
 * has merely not been tried, or was held back by the page, may work then.
 */
export function lesson({ records, preferred }: Ranking): number | null {
  return preferred !== null && records.slice(0, preferred).every(({ failsHere }) => failsHere) ? preferred : null
}

/** Whether, for minutes and in several rounds, nothing was offered and nothing ever worked: perhaps there is no realtime server. */
export function isHopeless({ records }: Ranking, rounds: number, outageMs: number, now: number): boolean {
  const isAbsent = (record: TransportRecord) => record.absentUntil > now
  return (
    rounds >= refusalsAllowed &&
    outageMs >= hopelessAfterMs &&
    records.some((record) => isAbsent(record) && record.absentUntil < Infinity) &&
    records.every((record) => !record.hasOpened && (isAbsent(record) || record.refusals >= refusalsAllowed))
  )
}

/** Not resting, not known to break, and offered as far as is known. */
export function isHealthy(record: TransportRecord, now: number): boolean {
  return now >= record.restUntil && now >= record.absentUntil && !isSuspect(record)
}

function isSuspect({ shortLives }: TransportRecord): boolean {
  return shortLives >= shortLivesAllowed
}

export function at<Item>(items: readonly Item[], index: number): Item {
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
