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
}

const minuteMs = 60_000
const restMs = { first: 30_000, longest: 10 * minuteMs }
const demotionMs = { first: 5 * minuteMs, longest: 60 * minuteMs }
const absentMs = 10 * minuteMs
const shortLivesAllowed = 2
const refusalsAllowed = 3

const fresh: RungRecord = { restUntil: 0, rests: 0, demotions: 0, absentUntil: 0, refusals: 0, shortLives: 0, hasOpened: false }

/** A ladder of so many rungs; with a remembered one, better ones rest until that memory ends. */
export function ladderOf(length: number, remembered: { readonly rung: number; readonly until: number } | null): Ladder {
  return {
    rungs: Array.from({ length }, (_, rung) =>
      remembered && rung < remembered.rung ? { ...fresh, restUntil: remembered.until } : fresh,
    ),
    preferred: remembered?.rung ?? null,
  }
}

/**
 * The rungs to try now, in order. Those that keep breaking or rest come last; those that the server does not offer are left
 * out while there is any other. `isFirstRetry`: what was proven is tried alone, since a server that restarts says no on every
 * rung, and falling back then would only make things worse.
 */
export function plan({ rungs, preferred }: Ladder, now: number, isFirstRetry: boolean): readonly number[] {
  const all = rungs.map((_, rung) => rung)
  const offered = all.filter((rung) => now >= at(rungs, rung).absentUntil)
  const healthy = offered.filter((rung) => isHealthy(at(rungs, rung), now))
  if (isFirstRetry && preferred !== null && healthy[0] === preferred) return [preferred]
  const order = [...healthy, ...offered.filter((rung) => !healthy.includes(rung))]
  return order.length ? order : all
}

/**
 * Whether the rung has just shown that it keeps breaking, and something healthy is left to be tried at once. Only just: once
 * it is known, waits must lie between the rounds.
 */
export function hasAlternative({ rungs }: Ladder, rung: number, now: number): boolean {
  return (
    at(rungs, rung).shortLives === shortLivesAllowed &&
    rungs.some((record, other) => other !== rung && isHealthy(record, now) && now >= record.absentUntil)
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
  return change(ladder, [rung], (record) => ({ ...record, restUntil: 0, absentUntil: 0 }))
}

/** The rung opened. Where it had just been refused, what was said of the others may have been said in the server's place: by a portal. */
export function opened(ladder: Ladder, rung: number): Ladder {
  const { absentUntil, refusals } = at(ladder.rungs, rung)
  const wasDenied = absentUntil > 0 || refusals > 0
  const denied = wasDenied ? ladder.rungs.flatMap(({ absentUntil }, other) => (absentUntil < Infinity ? [other] : [])) : []
  const credited = change(ladder, denied, (record) => ({ ...record, absentUntil: 0 }))
  return change(credited, [rung], (record) => ({ ...record, hasOpened: true, absentUntil: 0, refusals: 0 }))
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
    })),
    preferred: rung,
  }
}

/** An open connection ended. */
export function ended(ladder: Ladder, rung: number, life: 'short' | 'clean' | 'long'): Ladder {
  if (life === 'clean') return ladder
  return change(ladder, [rung], (record) =>
    life === 'short' ? { ...record, shortLives: record.shortLives + 1 } : { ...record, shortLives: 0, rests: 0, demotions: 0 },
  )
}

/** The server does not have it, this browser does not have it, nobody said anything, or something else was said. */
export type Refusal = 'absent' | 'unsupported' | 'mute' | 'spoken'

/** An attempt failed before it opened. */
export function refused(ladder: Ladder, rung: number, how: Refusal, now: number): Ladder {
  return change(ladder, [rung], (record) => ({
    ...record,
    absentUntil: how === 'unsupported' ? Infinity : how === 'absent' ? now + absentMs : record.absentUntil,
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

/** Whether the server has said often enough that it is not a realtime server: nothing is offered, nothing ever worked. */
export function isHopeless({ rungs }: Ladder, rounds: number, now: number): boolean {
  const isAbsent = (record: RungRecord) => record.absentUntil > now
  return (
    rounds >= refusalsAllowed &&
    rungs.some((record) => isAbsent(record) && record.absentUntil < Infinity) &&
    rungs.every((record) => !record.hasOpened && (isAbsent(record) || record.refusals >= refusalsAllowed))
  )
}

/** Neither resting nor known to break. */
export function isHealthy(record: RungRecord, now: number): boolean {
  return now >= record.restUntil && !isSuspect(record)
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
