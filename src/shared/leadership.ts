/** A leader that is silent for so long is asked whether it is there. */
const silenceMs = 700
/** A leader that has not answered by then is frozen, or its thread is busy: another one takes the lock. */
const answerMs = 500
/** A timer that is late by more says that this tab itself was frozen, throttled or busy: the others' silence proves nothing then. */
const lateMs = 250
/** A hidden tab looks less often, since its timers are held back anyway. */
const hiddenFactor = 2
/** How long a tab that holds the lock waits for what would keep it from leading: another that knows the session, or the loss of the lock. */
const whoMs = 300

/**
 * Who leads, as one tab knows it. `out`: it takes no part. `waiting`: it follows, and waits for the lock. `asking`: it holds the lock, does
 * not know the session, and asks whether another tab does. `claiming`: it has said that it leads, and has not heard itself say so.
 * `challenged`: it led, and another tab says that it leads now, so that the lock is about to be lost, unless that tab is wrong.
 */
export interface Leadership {
  readonly role: 'out' | 'waiting' | 'asking' | 'claiming' | 'leading' | 'challenged'
  /** The highest term under which any tab has led. */
  readonly term: number
  /** The tab that leads under it. */
  readonly leader: string | null
  /** Whether the tab knows how the session stands. */
  readonly knows: boolean
  /** When the leader was heard last; since when there is nobody to hear. */
  readonly heardAt: number
  /** When it was asked whether it is there; `null`: it was not. */
  readonly askedAt: number | null
  /** Until when it waits for what would keep it from leading, where it holds the lock. */
  readonly whoUntil: number
  /** A tab that holds the lock has asked who knows the session, and none has answered yet. */
  readonly isSought: boolean
}

export type LeadershipInput =
  | { readonly type: 'joined' | 'left' | 'lost' | 'learned' | 'forgot' | 'heard' | 'sought' | 'froze' | 'thawed' }
  /** A tab knows the session; `isMe`: this one. */
  | { readonly type: 'known'; readonly isMe: boolean }
  /** The lock is held; `isAlone`: no other tab is there. */
  | { readonly type: 'granted'; readonly isAlone: boolean }
  | { readonly type: 'claimed'; readonly term: number; readonly tab: string }
  /** Time has passed; `dueAt` is when this was to be. */
  | { readonly type: 'tick'; readonly dueAt: number }

export type LeadershipCommand = 'wait' | 'steal' | 'release' | 'who' | 'begin' | 'claim' | 'lead' | 'step-down' | 'join' | 'ask'

export interface LeadershipStep {
  readonly state: Leadership
  readonly commands: readonly LeadershipCommand[]
}

export const outside: Leadership = {
  ...{ role: 'out', term: 0, leader: null, knows: false, heardAt: 0, askedAt: null, whoUntil: Infinity, isSought: false },
}

/** Pure: what becomes of the leadership in the tab `me`, and what it has to do. */
export function leadershipAfter(state: Leadership, input: LeadershipInput, now: number, me: string): LeadershipStep {
  const { role } = state
  if (role === 'out' && input.type !== 'joined') return { state, commands: [] }
  switch (input.type) {
    case 'joined':
      return { state: { ...state, role: 'waiting', knows: false, heardAt: now, askedAt: null }, commands: ['wait', 'join'] }
    case 'left':
      return {
        state: { ...state, role: 'out', knows: false },
        commands: role === 'leading' ? ['step-down', 'release'] : ['release'],
      }
    case 'granted':
      if (state.knows || input.isAlone) return claiming(state)
      return { state: { ...state, role: 'asking', whoUntil: now + whoMs }, commands: ['who'] }
    case 'sought':
      return { state: { ...state, isSought: true }, commands: [] }
    case 'known': {
      const known = { ...state, isSought: false }
      // The first to answer takes the lock: a tab that waits for it before this one may be frozen.
      if (input.isMe && state.isSought && state.knows && role === 'waiting')
        return { state: { ...known, heardAt: now, askedAt: null }, commands: ['steal'] }
      if (input.isMe || role !== 'asking') return { state: known, commands: [] }
      return { state: { ...known, role: 'waiting', heardAt: now, askedAt: null }, commands: ['release', 'wait'] }
    }
    case 'lost':
      return {
        state: { ...state, role: 'waiting', heardAt: now, askedAt: null },
        commands: role === 'leading' ? ['step-down', 'wait'] : ['wait'],
      }
    case 'froze':
      return {
        state: { ...state, role: 'waiting', heardAt: Infinity, askedAt: null },
        commands: role === 'leading' ? ['step-down', 'release'] : ['release'],
      }
    case 'thawed':
      return role === 'waiting' && state.heardAt === Infinity
        ? { state: { ...state, heardAt: now }, commands: ['wait'] }
        : { state, commands: [] }
    case 'learned':
      return { state: { ...state, knows: true }, commands: [] }
    case 'forgot':
      // Whoever is about to lead goes on with the session that it has named.
      if (role === 'claiming' || role === 'leading') return { state, commands: [] }
      return { state: { ...state, knows: false }, commands: ['join'] }
    case 'heard':
      return { state: heardNow(state, now), commands: [] }
    case 'claimed':
      return claimed(state, input.term, input.tab, now, me)
    case 'tick':
      return ticked(state, input.dueAt, now)
    default:
      return input satisfies never
  }
}

/** When time has to be told to it. */
export function leadershipDueAt({ role, heardAt, askedAt, whoUntil }: Leadership, isHidden: boolean): number {
  if (role === 'asking' || role === 'challenged') return whoUntil
  if (role !== 'waiting') return Infinity
  return askedAt === null ? heardAt + silenceMs * (isHidden ? hiddenFactor : 1) : askedAt + answerMs
}

/** A frozen tab does not watch the leader: it has given back its place among those that wait for the lock. */
function heardNow(state: Leadership, now: number): Leadership {
  return { ...state, heardAt: state.heardAt === Infinity ? Infinity : now, askedAt: null }
}

function claiming(state: Leadership): LeadershipStep {
  // Whoever could have told this tab how the session stands is late from now on.
  const commands: LeadershipCommand[] = state.knows ? ['claim'] : ['begin', 'claim']
  return { state: { ...state, role: 'claiming', knows: true, whoUntil: Infinity }, commands }
}

function claimed(state: Leadership, term: number, tab: string, now: number, me: string): LeadershipStep {
  const { role } = state
  // Another claim was heard before: this one holds nowhere.
  if (term <= state.term) return tab === me && role === 'claiming' ? claiming(state) : { state, commands: [] }
  const heard = { ...heardNow(state, now), term, leader: tab }
  if (tab === me && role === 'claiming') return { state: { ...heard, role: 'leading' }, commands: ['lead'] }
  // The claim of a tab that was frozen between the two, or has left and come back.
  const commands: LeadershipCommand[] = state.knows ? [] : ['join']
  if (role !== 'leading') return { state: heard, commands }
  return { state: { ...heard, role: 'challenged', whoUntil: now + whoMs }, commands: ['step-down'] }
}

function ticked(state: Leadership, dueAt: number, now: number): LeadershipStep {
  const { role, heardAt, askedAt } = state
  if (role === 'asking' || role === 'challenged') return now >= state.whoUntil ? claiming(state) : { state, commands: [] }
  if (role !== 'waiting') return { state, commands: [] }
  const isLate = now - dueAt > lateMs
  if (askedAt === null || isLate) {
    if (askedAt === null && now < heardAt + silenceMs) return { state, commands: [] }
    return { state: { ...state, askedAt: now }, commands: ['ask'] }
  }
  if (now < askedAt + answerMs) return { state, commands: [] }
  return { state: { ...state, heardAt: now, askedAt: null }, commands: ['steal'] }
}
