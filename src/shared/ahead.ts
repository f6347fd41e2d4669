import type { StreamPlace } from '../session/stream-cursors.ts'
import { takenOf } from './past.ts'

/** The most places up to which repeats are dropped: those of all topics of a session, and of some sessions before it. */
const maxAhead = 1000

/** How far a stream was read, and in which life of which session: the numbers of topics' streams begin anew with each. */
export interface LifePlace extends StreamPlace {
  readonly life: string
}

/** The life of a session: the epoch of its own stream. */
export function lifeIn(places: readonly StreamPlace[]): string {
  return places.find(({ stream }) => stream === 0)?.epoch ?? ''
}

function withLife(places: readonly StreamPlace[]): readonly LifePlace[] {
  const life = lifeIn(places)
  return places.map((place) => ({ ...place, life }))
}

/**
 * Pure: of what a tab has read (`had`), the places up to which it must drop what a session repeats that has read its streams as
 * far as `now`.
 */
export function aheadOf(had: readonly LifePlace[], now: readonly StreamPlace[]): readonly LifePlace[] {
  const present = lifeIn(now)
  const taken = takenOf(now, 0, present)
  // A session that has read less announces streams again; with one that has read as much, those that it lacks have ended.
  const isBehind = takenOf(had, 0, present) > taken
  const ahead = had.filter(({ stream, epoch, offset, life }) => {
    const place = takenOf(now, stream, epoch)
    return stream === 0 ? offset > place : life === present && (place < 0 ? isBehind : offset > place)
  })
  return ahead.slice(0, maxAhead)
}

/**
 * How far a tab has read what the session has not, as far as the session knows: the session's repeats of it are dropped. It
 * happens if another tab leads that has read less.
 */
export class Ahead {
  #places: readonly LifePlace[] = []

  /** What the tab has read; `places`: how far its session has. */
  had(places: readonly StreamPlace[]): readonly LifePlace[] {
    return [...withLife(places), ...this.#places]
  }

  isRepeat(life: string | undefined, stream: number, epoch: string, offset: number): boolean {
    const present = this.#places.filter((place) => place.life === life)
    return offset <= takenOf(present, stream, epoch)
  }

  /** The tab has read `had`, and its session goes on after these places. */
  adopt(had: readonly LifePlace[], now: readonly StreamPlace[]): void {
    this.#places = aheadOf(had, now)
  }

  /** The session has read these places, and goes back to earlier ones, perhaps of the session before it. */
  rewind(places: readonly StreamPlace[], now: readonly StreamPlace[]): void {
    const isOfPresent = lifeIn(places) === lifeIn(now)
    this.#places = [...(isOfPresent ? [] : withLife(places)), ...aheadOf(this.had(places), now)]
  }

  /** The session has read these places and is about to end. */
  leave(places: readonly StreamPlace[]): void {
    this.#places = this.had(places).slice(0, maxAhead)
  }
}
