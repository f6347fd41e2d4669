import type { ClientState, EventDetails, Retry } from '../../api/events.ts'
import type { Diagnosis } from '../../diagnosis/diagnose.ts'
import { endingOf } from '../../diagnosis/ending.ts'
import type { Dial, State } from './state.ts'
import { atRank } from './transport-ranking.ts'

/** A command of the machine to the shell. */
export type Command =
  /** `isSilent`: it was open, and nothing was received over it for longer than the heartbeat allows. */
  | { readonly do: 'hang-up'; readonly id: number; readonly isSilent?: true }
  | { readonly do: 'dial'; readonly id: number; readonly rank: number }
  /** This attempt carries the connection from now on. */
  | { readonly do: 'activate'; readonly id: number }
  | { readonly do: 'ping'; readonly id: number }
  | { readonly do: 'poll-now'; readonly id: number }

/** Derives the commands from the two states, so that no branch of the machine can forget to hang up. */
export function commandsBetween(before: State, after: State): Command[] {
  if (before === after) return []
  const old = attemptsOf(before)
  const current = attemptsOf(after)
  const commands: Command[] = [
    ...old
      .filter(({ id }) => !has(current, id))
      .map(({ id }): Command => ({ do: 'hang-up', id, ...(isReplacing(before, id) && { isSilent: true }) })),
    ...current.filter(({ id }) => !has(old, id)).map(({ id, rank }): Command => ({ do: 'dial', id, rank })),
  ]
  if (after.status !== 'open') return commands
  const { id, check, polls } = after.link
  const previous = before.status === 'open' && before.link.id === id ? before.link : null
  if (!previous) commands.push({ do: 'activate', id })
  if (check && !previous?.check) commands.push({ do: 'ping', id })
  if (polls > (previous?.polls ?? 0)) commands.push({ do: 'poll-now', id })
  return commands
}

type Attempt = Pick<Dial, 'id' | 'rank'>

/** Returns all live attempts of a state. */
export function attemptsOf(state: State): readonly Attempt[] {
  if (state.status === 'connecting') return state.dials
  return state.status === 'open' ? [state.link, ...state.challengers] : []
}

/** Whether the link is silent and its replacement is being dialled: then its check has no time limit. */
function isReplacing(state: State, id: number): boolean {
  return state.status === 'open' && state.link.id === id && state.link.check?.until === Infinity
}

function has(attempts: readonly Attempt[], id: number): boolean {
  return attempts.some((attempt) => attempt.id === id)
}

/** Converts an instant of the machine's clock to the device's clock. */
type WallTime = (at: number) => number

const unchanged: WallTime = (at) => at

/** An event to raise, with the details that follow from the two states; the shell adds the rest. */
export type Announcement =
  | { readonly type: 'open'; readonly id: number }
  | { [Type in 'error' | 'close' | 'transport' | 'state']: { readonly type: Type; readonly details: EventDetails[Type] } }[
      | 'error'
      | 'close'
      | 'transport'
      | 'state']

/**
 * Returns the events of a state change in the order in which they are raised: `error`; `open`, `transport` or `close`; `state`.
 * @param previous the state object that the application saw before
 */
export function announcementsBetween(
  before: State,
  after: State,
  names: readonly string[],
  now: number,
  previous = publicState(before, names),
  wallTime = unchanged,
): Announcement[] {
  if (before === after) return []
  const retry = retryOf(after, now, wallTime)
  const announcements = after.newFailures.map(
    ({ diagnosis }, index): Announcement => ({
      type: 'error',
      details: {
        scope: 'connection',
        diagnosis,
        retry: index === after.newFailures.length - 1 && after.status !== 'connecting' ? retry : null,
      },
    }),
  )
  if (after.status === 'open') {
    if (before.status !== 'open') announcements.push({ type: 'open', id: after.link.id })
    else if (before.link.rank !== after.link.rank) {
      announcements.push({
        type: 'transport',
        details: { from: atRank(names, before.link.rank), to: atRank(names, after.link.rank) },
      })
    }
  } else if (before.status === 'open' || (after.status === 'closed' && before.status !== 'closed')) {
    announcements.push({ type: 'close', details: { ...endOf(before, after), retry, final: after.status === 'closed' } })
  }
  const state = publicState(after, names, wallTime)
  if (JSON.stringify(state) !== JSON.stringify(previous))
    announcements.push({ type: 'state', details: { state: frozen(state), previous } })
  return announcements
}

function endOf(before: State, after: State) {
  const diagnosis =
    after.status === 'closed' || after.status === 'waiting' || after.status === 'offline'
      ? after.diagnosis
      : (after.newFailures[0]?.diagnosis ?? null)
  if (after.status === 'closed' && !after.diagnosis)
    return { code: after.code, reason: after.reason, wasClean: before.status === 'open', diagnosis }
  // The application called `reconnect()`.
  if (!diagnosis) return { code: 1000, reason: '', wasClean: true, diagnosis }
  return { ...endingOf(diagnosis), diagnosis }
}

function retryOf(state: State, now: number, wallTime: WallTime): Retry | null {
  switch (state.status) {
    case 'connecting':
      return { attempt: state.failures, delayMs: 0, at: wallTime(now) }
    case 'waiting':
    case 'offline':
      return state.retryAt === Infinity
        ? null
        : { attempt: state.failures, delayMs: state.retryAt - state.waitingSince, at: wallTime(state.retryAt) }
    default:
      return null
  }
}

/** Adds the unconfirmed messages of a lost link to the error about the loss, or to an error of their own if there is none. */
export function withUnconfirmed(
  announcements: readonly Announcement[],
  unconfirmed: readonly unknown[],
  diagnose: () => Diagnosis,
): readonly Announcement[] {
  const error = announcements.find((each) => each.type === 'error')
  if (error)
    return announcements.map((each) => (each === error ? { type: 'error', details: { ...error.details, unconfirmed } } : each))
  return [{ type: 'error', details: { scope: 'message', diagnosis: diagnose(), retry: null, unconfirmed } }, ...announcements]
}

/** Returns the smaller state that applications see, with times by the device's clock. */
export function publicState(state: State, names: readonly string[], wallTime: WallTime = unchanged): ClientState {
  switch (state.status) {
    case 'idle':
      return { status: 'idle' }
    case 'connecting':
      return { status: 'connecting', attempt: state.failures, transports: state.dials.map(({ rank }) => atRank(names, rank)) }
    case 'open':
      return {
        status: 'open',
        transport: atRank(names, state.link.rank),
        since: wallTime(state.link.openedAt),
        proven: state.link.isProven,
      }
    case 'waiting':
    case 'offline':
      return { status: state.status, retry: retryOf(state, 0, wallTime), diagnosis: state.diagnosis }
    case 'closed':
      return { status: 'closed', code: state.code, reason: state.reason, diagnosis: state.diagnosis }
    default:
      return state satisfies never
  }
}

/** Freezes a value deeply, since applications keep it, compare it and put it into stores. */
export function frozen<Value extends object>(value: Value): Value {
  for (const each of Object.values(value)) if (typeof each === 'object' && each && !Object.isFrozen(each)) frozen(each)
  return Object.freeze(value)
}
