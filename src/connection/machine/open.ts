import type { Diagnosis } from '../../diagnosis/diagnose.ts'
import { closedBy, coreOf, dialOf, isTransportsFault, refusalOf } from './connecting.ts'
import { loseTo } from './loss.ts'
import { type Connecting, type Dial, type Open, type OpenLink, type Policy, type State, silentAt } from './state.ts'
import { atRank, ended, isHealthy, opened, plan, proven, recovered, refused, rest, withheld } from './transport-ranking.ts'

const takeoverMs = 2000
const reviewMs = 15_000
const answerMs = 3000

/** A dial opened and carries the connection from now on. Running dials of better transports get 2 s to take over. */
export function open(state: Connecting, dial: Dial, now: number, policy: Policy): Open {
  const challengers = state.dials
    .filter(({ rank }) => rank < dial.rank)
    .map((each) => ({ ...each, until: Math.min(each.until, now + takeoverMs) }))
  const failed = betterThan(dial.rank).filter((rank) => !challengers.some((challenger) => challenger.rank === rank))
  const ranking = opened(rest(state.ranking, failed, now), dial.rank)
  return settled(
    { ...coreOf(state), ranking, status: 'open', link: linkOf(dial, now, policy), challengers, reviewAt: now },
    now,
    policy,
  )
}

function linkOf({ id, rank }: Dial, now: number, { provingMs }: Policy): OpenLink {
  return {
    id,
    rank,
    openedAt: now,
    heardAt: now,
    hasHeard: false,
    isProven: false,
    provenAt: now + provingMs,
    hasPassedMessage: false,
    check: null,
    polls: 0,
  }
}

/** A challenger opened. An event stream takes over only once it has received data, a worse transport once it has a message. */
export function challengerOpened(state: Open, challenger: Dial, now: number, hasCursor: boolean, policy: Policy): Open {
  const { isProvenByHearing, isPolling } = atRank(policy.ranked, challenger.rank)
  const { rank } = state.link
  return challenger.rank > rank || (challenger.rank < rank && isProvenByHearing && !isPolling)
    ? state
    : takeOver(state, challenger, now, hasCursor, policy)
}

/** A challenger received something. */
export function challengerHeard(state: Open, challenger: Dial, now: number, hasCursor: boolean, policy: Policy): Open {
  if (challenger.rank > state.link.rank) return state
  const next = takeOver(state, challenger, now, hasCursor, policy)
  return next.link.id === challenger.id ? heard(next, now, policy) : next
}

/** A worse transport received a message while the open one received nothing: a proxy buffers the body of the open one. */
export function challengerReceived(state: Open, challenger: Dial, now: number, policy: Policy): Open {
  if (state.link.hasHeard) return state
  return messagePassed(
    movedTo(challenger, { ...state, ranking: withheld(state.ranking, state.link.rank) }, now, policy),
    true,
    now,
    policy,
  )
}

function movedTo(challenger: Dial, state: Open, now: number, policy: Policy): Open {
  return { ...state, ranking: opened(state.ranking, challenger.rank), link: linkOf(challenger, now, policy), challengers: [] }
}

/** A challenger takes over if no message can be lost by that; if not, it is only recorded as working for the next reconnect. */
function takeOver(state: Open, challenger: Dial, now: number, hasCursor: boolean, policy: Policy): Open {
  const { link } = state
  const isSafe =
    challenger.rank === link.rank || !link.hasPassedMessage || (hasCursor && canMove(link.rank, challenger.rank, policy))
  const isSilent = challenger.rank === link.rank && link.check?.until === Infinity
  const isLong = link.hasHeard && now - link.openedAt >= policy.provingMs
  const life = isMute(state, policy) ? 'short' : isLong ? 'long' : 'neutral'
  const next = isSafe
    ? movedTo(challenger, isSilent ? { ...state, ranking: ended(state.ranking, link.rank, life) } : state, now, policy)
    : { ...state, ranking: recovered(state.ranking, challenger.rank), challengers: without(state.challengers, challenger) }
  return settled(next, now, policy)
}

export function challengerFailed(state: Open, challenger: Dial, diagnosis: Diagnosis, now: number, policy: Policy): State {
  const newFailures = [...state.newFailures, { id: challenger.id, diagnosis }]
  const next = { ...state, challengers: without(state.challengers, challenger), newFailures }
  // A `StopConnecting` of the application does not concern this transport alone.
  if (diagnosis.verdict === 'stop' && diagnosis.evidence.kind === 'stopped') return closedBy(next, diagnosis)
  if (challenger.rank === state.link.rank) return loseSilent(next, now, policy)
  const isWorse = challenger.rank > state.link.rank
  const ranking = refused(
    state.ranking,
    challenger.rank,
    refusalOf(diagnosis),
    now,
    !isWorse && isTransportsFault(state, diagnosis),
  )
  return settled({ ...next, ranking: isWorse ? ranking : rest(ranking, [challenger.rank], now) }, now, policy)
}

function challengerTimedOut(state: Open, challenger: Dial, now: number, policy: Policy): State {
  return challengerFailed(
    state,
    challenger,
    policy.diagnose({ kind: 'timeout' }, challenger, 'connect', now - challenger.since),
    now,
    policy,
  )
}

/** A sign of life. */
export function heard(state: Open, now: number, policy: Policy): Open {
  const { link } = state
  // A replacement that was dialled because of silence is no longer needed.
  const challengers = state.challengers.filter(({ rank }) => rank < link.rank)
  const next = { ...state, challengers, link: { ...link, heardAt: now, hasHeard: true, check: null } }
  const isEnough = now - link.openedAt >= policy.provingMs || atRank(policy.ranked, link.rank).isPolling
  return isEnough ? prove(next, now, policy) : next
}

/** A message passed. An incoming one proves the connection at once. */
export function messagePassed(state: Open, isIncoming: boolean, now: number, policy: Policy): Open {
  const next = state.link.hasPassedMessage ? state : { ...state, link: { ...state.link, hasPassedMessage: true } }
  return isIncoming ? prove(heard(next, now, policy), now, policy) : next
}

function prove(state: Open, now: number, policy: Policy): Open {
  if (state.link.isProven) return state
  const ranking = proven(state.ranking, state.link.rank, now)
  return settled({ ...state, ranking, link: { ...state.link, isProven: true } }, now, policy)
}

/** Checks the connection because the page woke up: a socket may be dead though its `readyState` is OPEN. */
export function woken(state: Open, now: number, policy: Policy): Open {
  const { link } = state
  if (atRank(policy.ranked, link.rank).isPolling) return polledNow(state)
  // Its replacement is already being dialled.
  const isReplaced = state.challengers.some(({ rank }) => rank === link.rank)
  return isReplaced ? state : startCheck(state, now, now + answerMs + policy.graceMs(), true)
}

/** Polls at once. */
export function polledNow(state: Open): Open {
  return { ...state, link: { ...state.link, polls: state.link.polls + 1 } }
}

/** An acknowledgment is overdue: pings the server. */
export function ackOverdue(state: Open, now: number, policy: Policy): Open {
  const canAsk = !state.link.check && atRank(policy.ranked, state.link.rank).canPing
  return canAsk ? startCheck(state, now, now + answerMs + policy.graceMs(), false) : state
}

export function startCheck(state: Open, now: number, until: number, isWoken: boolean): Open {
  return { ...state, link: { ...state.link, check: { at: now, until, isWoken } } }
}

/** A deadline of this state has passed. */
export function onDue(before: Open, heardAt: number, hasCursor: boolean, now: number, policy: Policy): State {
  const { link } = before
  // Data received before the ping is no reply to it.
  const hasHeard = heardAt > (link.check?.at ?? link.heardAt)
  let state: State = hasHeard ? heard(before, heardAt, policy) : before
  for (const challenger of state.challengers) {
    if (state.status === 'open' && now >= challenger.until) state = challengerTimedOut(state, challenger, now, policy)
  }
  if (state.status !== 'open') return state
  if (!state.link.isProven && now >= state.link.provenAt) state = livedLong(state, now, policy)
  if (now >= silentAt(state.link, policy)) return onSilence(state, hasCursor, now, policy)
  return now >= state.reviewAt ? review(state, hasCursor, now, policy) : state
}

function livedLong(state: Open, now: number, policy: Policy): Open {
  const { link } = state
  const { isProvenByHearing, isProvenByReply } = atRank(policy.ranked, link.rank)
  if (link.hasHeard || !(isProvenByHearing || isProvenByReply)) return prove(state, now, policy)
  const silent = { ...state, link: { ...link, provenAt: Infinity } }
  const worse = plan(state.ranking, now).find((rank) => rank > link.rank && atRank(policy.ranked, rank).isPolling)
  if (isProvenByReply || worse === undefined || link.hasPassedMessage || atRank(policy.ranked, link.rank).isPolling) return silent
  // Either a proxy buffers the body, or the server has sent nothing: whichever transport receives a message first decides.
  return addChallenger(silent, worse, now, policy, Infinity)
}

function onSilence(state: Open, hasCursor: boolean, now: number, policy: Policy): State {
  const { check, rank } = state.link
  const heartbeat = policy.heartbeat()
  if (!check && heartbeat && atRank(policy.ranked, rank).canPing)
    return startCheck(state, now, now + heartbeat.timeoutMs + policy.graceMs(), false)
  if (!hasCursor || !canMove(rank, rank, policy)) return loseSilent(state, now, policy)
  // The connection before it received nothing either: something lets it open and then blocks all data.
  if (isMute(state, policy) && atRank(state.ranking.records, rank).shortLives > 0)
    return loseTo(state, { kind: 'silent', isMute: true }, now, policy)
  // With a cursor a second attachment can test this without losing messages: a quiet server need not be dead.
  return addChallenger(startCheck(state, check?.at ?? now, Infinity, !!check?.isWoken), rank, now, policy)
}

/** Dials a better transport beside the open one, if a move can lose no message and that transport's rest is over. */
function review(state: Open, hasCursor: boolean, now: number, policy: Policy): Open {
  const { link, ranking, challengers } = state
  const better = betterThan(link.rank).find((rank) => {
    const record = atRank(ranking.records, rank)
    return canMove(link.rank, rank, policy) && isHealthy(record, now)
  })
  const reviewed = settled(state, now, policy)
  return better !== undefined && hasCursor && link.isProven && !challengers.length
    ? addChallenger(reviewed, better, now, policy)
    : reviewed
}

/**
 * Sets the next review: when the rest of a better transport ends; after 15 s if one may be tried but not yet, or if there is no
 * heartbeat whose late timer would show that the machine has slept.
 */
function settled(state: Open, now: number, policy: Policy): Open {
  const { link, ranking } = state
  const times = betterThan(link.rank).map((rank) => {
    const { restUntil, absentUntil } = atRank(ranking.records, rank)
    const freeAt = Math.max(restUntil, absentUntil)
    return freeAt > now ? freeAt : now + reviewMs
  })
  return { ...state, reviewAt: Math.min(policy.heartbeat() ? Infinity : now + reviewMs, ...times) }
}

function addChallenger(state: Open, rank: number, now: number, policy: Policy, until?: number): Open {
  const dial = dialOf(state, rank, now, policy)
  const challenger = { ...dial, until: until ?? dial.until }
  return { ...state, lastId: challenger.id, dialledAt: now, challengers: [...state.challengers, challenger] }
}

/** Whether it has received nothing, though the server sends or answers heartbeats. A plain event stream may be quiet. */
function isMute({ link: { rank, hasHeard, check } }: Open, { ranked }: Policy): boolean {
  return !hasHeard && !check?.isWoken && !atRank(ranked, rank).isProvenByHearing
}

function loseSilent(state: Open, now: number, policy: Policy): State {
  return loseTo(state, { kind: 'silent' }, now, policy)
}

function canMove(from: number, to: number, { ranked }: Policy): boolean {
  return atRank(ranked, from).resumes && atRank(ranked, to).resumes
}

function betterThan(rank: number): number[] {
  return Array.from({ length: rank }, (_, better) => better)
}

function without(challengers: readonly Dial[], challenger: Dial): Dial[] {
  return challengers.filter((each) => each !== challenger)
}
