/**
 * The ladder: which transports to try, in which order. It learns what works here and now, and forgets again, so that no
 * verdict about a transport is for ever.
 */
export interface Ladder {
  readonly rungs: readonly RungRecord[]
  /** The rung that was proven last, or remembered; `null` when none is known to work. */
  readonly preferred: number | null
}

export interface RungRecord {
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

const fresh: RungRecord = {
  restUntil: 0,
  rests: 0,
  demotions: 0,
  absentUntil: 0,
  refusals: 0,
  shortLives: 0,
  hasOpened: false,
  failsHere: false,
}

/** A ladder of so many rungs; with a remembered one, better ones rest until that memory ends. */
export function ladderOf(length: number, remembered: { readonly rung: number; readonly until: number } | null): Ladder {
  return {
    rungs: Array.from({ length }, (_, rung) =>
      remembered && rung < remembered.rung ? { ...fresh, restUntil: remembered.until, failsHere: true } : fresh,
    ),
    preferred: remembered?.rung ?? null,
  }
}

/**
 * The rungs to try now, in order. Those that keep breaking or rest come last; those that the server does not offer are left
 * out while there is any other.
 */
export function plan({ rungs }: Ladder, now: number): readonly number[] {
  const all = rungs.map((_, rung) => rung)
  const offered = all.filter((rung) => now >= at(rungs, rung).absentUntil)
  const healthy = offered.filter((rung) => isHealthy(at(rungs, rung), now))
  const order = [...healthy, ...offered.filter((rung) => !healthy.includes(rung))]
  return order.length ? order : all
}

/**
 * Whether the rung has just shown that it keeps breaking, and something healthy is left to be tried at once. Only just: once
 * it is known, waits must lie between the rounds.
 */
export function hasAlternative({ rungs }: Ladder, rung: number, now: number): boolean {
  return (
    at(rungs, rung).shortLives === shortLivesAllowed && rungs.some((record, other) => other !== rung && isHealthy(record, now))
  )
}

/** The rung holds back what it carries: it counts as one that keeps breaking. */
export function withheld(ladder: Ladder, rung: number): Ladder {
  return change(ladder, [rung], (record) => ({ ...record, shortLives: shortLivesAllowed }))
}

/** A lower rung opened: the better ones that were tried before it rest for a while. */
export function rest(ladder: Ladder, rungs: readonly number[], now: number): Ladder {
  return change(ladder, rungs, (record) =>
    record.restUntil > now ? record : { ...record, restUntil: now + doubling(restMs, record.rests), rests: record.rests + 1 },
  )
}

/** It was tried again and would work: nothing speaks against it at the next reconnect. */
export function recovered(ladder: Ladder, rung: number): Ladder {
  return change(ladder, [rung], (record) => ({ ...record, restUntil: 0, absentUntil: 0, failsHere: false }))
}

/** The rung opened. Where it had just been refused, what was said of the others may have been said in the server's place: by a portal. */
export function opened(ladder: Ladder, rung: number): Ladder {
  const { absentUntil, refusals } = at(ladder.rungs, rung)
  const wasDenied = absentUntil > 0 || refusals > 0
  const denied = wasDenied ? ladder.rungs.flatMap(({ absentUntil }, other) => (absentUntil < Infinity ? [other] : [])) : []
  const credited = change(ladder, denied, (record) => ({ ...record, absentUntil: 0 }))
  return change(credited, [rung], (record) => ({ ...record, hasOpened: true, absentUntil: 0, refusals: 0, failsHere: false }))
}

/** The rung has proven itself, and by that demotes better ones that keep opening and breaking. */
export function proven(ladder: Ladder, rung: number, now: number): Ladder {
  const suspects = ladder.rungs.flatMap((record, other) => (other < rung && isSuspect(record) ? [other] : []))
  return {
    ...change(ladder, suspects, (record) => ({
      ...record,
      shortLives: 0,
      restUntil: now + doubling(demotionMs, record.demotions),
      demotions: record.demotions + 1,
      failsHere: true,
    })),
    preferred: rung,
  }
}

/** How an open connection ended: too soon, after it had worked, or for a reason that tells nothing of its transport. */
export type Life = 'short' | 'long' | 'neutral'

/** An open connection ended. */
export function ended(ladder: Ladder, rung: number, life: Life): Ladder {
  if (life === 'neutral') return ladder
  return change(ladder, [rung], (record) =>
    life === 'short' ? { ...record, shortLives: record.shortLives + 1 } : { ...record, shortLives: 0, rests: 0, demotions: 0 },
  )
}

/** The server does not have it, this browser does not have it, nobody said anything, or something else was said. */
export type Refusal = 'absent' | 'unsupported' | 'mute' | 'spoken'

/** An attempt failed before it opened. `isTelling`: neither the page nor an outage was the reason. */
export function refused(ladder: Ladder, rung: number, how: Refusal, now: number, isTelling = false): Ladder {
  return change(ladder, [rung], (record) => ({
    ...record,
    failsHere: record.failsHere || isTelling,
    // What has opened is there: a server that is being deployed says otherwise for a while.
    absentUntil: how === 'unsupported' ? Infinity : how === 'absent' && !record.hasOpened ? now + absentMs : record.absentUntil,
    refusals: how === 'mute' ? record.refusals + 1 : 0,
  }))
}

/** Every rung failed, so it is the server or the network: what was learned about single rungs was learned in vain. */
export function allFailed(ladder: Ladder): Ladder {
  return {
    rungs: ladder.rungs.map((record) => ({ ...record, restUntil: 0, rests: 0, shortLives: 0 })),
    preferred: null,
  }
}

/**
 * A round failed as a whole: its failures are no lesson for the next visit. From the second on, where no rung has ever opened, it is not
 * believed any more that some are not offered: a portal may have said so, or a server that is being deployed.
 */
export function reconsidered({ rungs, preferred }: Ladder, failedRounds: number): Ladder {
  const isBelieved = failedRounds < 2 || rungs.some(({ hasOpened }) => hasOpened)
  return {
    rungs: rungs.map((record) => ({
      ...record,
      failsHere: record.failsHere && failedRounds > 1,
      absentUntil: isBelieved || record.absentUntil === Infinity ? record.absentUntil : 0,
    })),
    preferred,
  }
}

/**
 * What the next visit should begin with: the preferred rung, if each better one is known to fail here. `null`: nothing, for what
 * has merely not been tried, or was held back by the page, may work then.
 */
export function lesson({ rungs, preferred }: Ladder): number | null {
  return preferred !== null && rungs.slice(0, preferred).every(({ failsHere }) => failsHere) ? preferred : null
}

/** Whether, for minutes and in several rounds, nothing was offered and nothing ever worked: perhaps there is no realtime server. */
export function isHopeless({ rungs }: Ladder, rounds: number, outageMs: number, now: number): boolean {
  const isAbsent = (record: RungRecord) => record.absentUntil > now
  return (
    rounds >= refusalsAllowed &&
    outageMs >= hopelessAfterMs &&
    rungs.some((record) => isAbsent(record) && record.absentUntil < Infinity) &&
    rungs.every((record) => !record.hasOpened && (isAbsent(record) || record.refusals >= refusalsAllowed))
  )
}

/** Not resting, not known to break, and offered as far as is known. */
export function isHealthy(record: RungRecord, now: number): boolean {
  return now >= record.restUntil && now >= record.absentUntil && !isSuspect(record)
}

function isSuspect({ shortLives }: RungRecord): boolean {
  return shortLives >= shortLivesAllowed
}

export function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index]
  if (item === undefined) throw new RangeError(`There is no rung ${index}.`)
  return item
}

function doubling({ first, longest }: { readonly first: number; readonly longest: number }, times: number): number {
  return Math.min(first * 2 ** times, longest)
}

function change(ladder: Ladder, rungs: readonly number[], update: (record: RungRecord) => RungRecord): Ladder {
  return { ...ladder, rungs: ladder.rungs.map((record, rung) => (rungs.includes(rung) ? update(record) : record)) }
}
