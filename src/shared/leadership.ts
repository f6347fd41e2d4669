/** After this silence, in milliseconds, a tab asks the leader whether it is alive. */
const silenceMs = 700
/** A leader that does not answer within this time, in milliseconds, is frozen or busy: another tab steals the lock. */
const answerMs = 500
/** A timer later than this, in milliseconds, shows that this tab was frozen or throttled: then others' silence proves nothing. */
const lateMs = 250
/** A hidden tab checks less often, since the browser throttles its timers anyway. */
const hiddenFactor = 2
/** How long a tab that holds the lock waits, in milliseconds, for a tab that knows the session, or for the loss of the lock. */
const whoMs = 300

/**
 * The leadership as one tab sees it. `out`: the tab takes no part. `waiting`: it follows, and waits for the lock. `asking`: it
 * holds the lock, does not know the session, and asks whether another tab does. `claiming`: it has posted its claim and not
 * received it yet. `challenged`: it led, and another tab claims to lead, so that it is about to lose the lock, unless that tab is
 * wrong.
 */
export interface Leadership {
  readonly role: 'out' | 'waiting' | 'asking' | 'claiming' | 'leading' | 'challenged'
  /** The highest term under which any tab has led. */
  readonly term: number
  /** The tab that leads under this term; `null` while there is none, or if it leads another session. */
  readonly leader: string | null
  /** Whether the tab has a current copy of the session. */
  readonly knows: boolean
  /** When the leader was last heard, or when the silence began. */
  readonly heardAt: number
  /** When the leader was asked whether it is alive; `null` if it was not. */
  readonly askedAt: number | null
  /** How long a tab that holds the lock waits before it claims. */
  readonly whoUntil: number
}

export type LeadershipInput =
  | { readonly type: 'joined' | 'left' | 'lost' | 'learned' | 'forgot' | 'heard' | 'froze' | 'thawed' }
  /** Another tab knows the session. */
  | { readonly type: 'known' }
  /** Another tab holds the lock and asks for a tab that knows the session; this one has answered that it does. */
  | { readonly type: 'sought' }
  /** The lock was granted; `isAlone`: there is no other tab. */
  | { readonly type: 'granted'; readonly isAlone: boolean }
  | { readonly type: 'claimed'; readonly term: number; readonly tab: string }
  /** This tab has received the session from a tab that leads under a term unknown here. */
  | { readonly type: 'synced'; readonly term: number; readonly tab: string }
  /** Time has passed; `dueAt` is the time for which the timer was set. */
  | { readonly type: 'tick'; readonly dueAt: number }

export type LeadershipCommand = 'wait' | 'steal' | 'release' | 'who' | 'begin' | 'claim' | 'lead' | 'step-down' | 'join' | 'ask'

export interface LeadershipStep {
  readonly state: Leadership
  readonly commands: readonly LeadershipCommand[]
}

export const outside: Leadership = {
  role: 'out',
  term: 0,
  leader: null,
  knows: false,
  heardAt: 0,
  askedAt: null,
  whoUntil: Infinity,
}

/** Pure: the next state of the leadership in the tab `me`, and the commands to carry out. */
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
    case 'known':
      if (role !== 'asking') return { state, commands: [] }
      return { state: { ...state, role: 'waiting', heardAt: now, askedAt: null }, commands: ['release', 'wait'] }
    case 'sought':
      // Nobody leads, and the lock that the other tab releases may go to a frozen one that waited longer: this tab then steals it.
      if (role !== 'waiting' || state.heardAt === Infinity) return { state, commands: [] }
      return { state: { ...state, askedAt: now }, commands: ['ask'] }
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
      // A tab that leads or claims to lead continues with the session that it has announced.
      if (role === 'leading') return { state, commands: [] }
      if (role === 'claiming') return { state: { ...state, leader: null }, commands: [] }
      return { state: { ...state, knows: false }, commands: ['join'] }
    case 'heard':
      return { state: heardNow(state, now), commands: [] }
    case 'claimed':
      return claimed(state, input.term, input.tab, now, me)
    case 'synced': {
      const { state: next, commands } = claimed(state, input.term, input.tab, now, me)
      return { state: next, commands: commands.filter((each) => each !== 'join') }
    }
    case 'tick':
      return ticked(state, input.dueAt, now)
    default:
      return input satisfies never
  }
}

/** When the next `tick` is due. */
export function leadershipDueAt({ role, heardAt, askedAt, whoUntil }: Leadership, isHidden: boolean): number {
  if (role === 'asking' || role === 'challenged') return whoUntil
  if (role !== 'waiting') return Infinity
  return askedAt === null ? heardAt + silenceMs * (isHidden ? hiddenFactor : 1) : askedAt + answerMs
}

/** A frozen tab does not watch the leader: it has left the queue for the lock. */
function heardNow(state: Leadership, now: number): Leadership {
  return { ...state, heardAt: state.heardAt === Infinity ? Infinity : now, askedAt: null }
}

function claiming(state: Leadership): LeadershipStep {
  const next: Leadership = { ...state, role: 'claiming', knows: true, whoUntil: Infinity }
  if (state.knows) return { state: next, commands: ['claim'] }
  // A tab that could have sent this one the session is too late from now on, and what the last leader sends concerns another one.
  return { state: { ...next, leader: null }, commands: ['begin', 'claim'] }
}

function claimed(state: Leadership, term: number, tab: string, now: number, me: string): LeadershipStep {
  const { role } = state
  // Another claim was heard before, so no tab accepts this one.
  if (term <= state.term) return tab === me && role === 'claiming' ? claiming(state) : { state, commands: [] }
  const heard = { ...heardNow(state, now), term, leader: tab }
  if (tab === me && role === 'claiming') return { state: { ...heard, role: 'leading' }, commands: ['lead'] }
  // The claiming tab was frozen before it was heard, or has left and joined again.
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
