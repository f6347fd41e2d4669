import type { Diagnosis } from '../../diagnosis/diagnose.ts'
import { closedBy, coreOf, dialOf, isTelling, refusalOf } from './connecting.ts'
import { loseTo } from './loss.ts'
import { type Connecting, type Dial, type Open, type OpenLink, type Policy, type State, silentAt } from './state.ts'
import { at, isHealthy, opened, plan, proven, recovered, refused, rest, withheld } from './transport-ranking.ts'

const takeoverMs = 2000
const lookMs = 15_000
const answerMs = 3000

/** A dial opened and carries the connection from now on. Better ones still dialling get a moment to take over. */
export function open(state: Connecting, dial: Dial, now: number, policy: Policy): Open {
  const rivals = state.dials
    .filter(({ rung }) => rung < dial.rung)
    .map((each) => ({ ...each, until: Math.min(each.until, now + takeoverMs) }))
  const failed = betterThan(dial.rung).filter((rung) => !rivals.some((rival) => rival.rung === rung))
  const ladder = opened(rest(state.ladder, failed, now), dial.rung)
  return settled({ ...coreOf(state), ladder, status: 'open', link: linkOf(dial, now, policy), rivals, lookAt: now }, now, policy)
}

function linkOf({ id, rung }: Dial, now: number, { provingMs }: Policy): OpenLink {
  return {
    id,
    rung,
    openedAt: now,
    heardAt: now,
    hasHeard: false,
    isProven: false,
    provenAt: now + provingMs,
    hasCarried: false,
    asked: null,
    nudges: 0,
  }
}

/** A rival opened. An event stream is no better while nothing has come through it, and a worse rung has to bring a message first. */
export function rivalOpened(state: Open, rival: Dial, now: number, hasCursor: boolean, policy: Policy): Open {
  const { isProvenByHearing, isAsking } = at(policy.rungs, rival.rung)
  const { rung } = state.link
  return rival.rung > rung || (rival.rung < rung && isProvenByHearing && !isAsking)
    ? state
    : takeOver(state, rival, now, hasCursor, policy)
}

/** Something came through a rival. */
export function rivalHeard(state: Open, rival: Dial, now: number, hasCursor: boolean, policy: Policy): Open {
  if (rival.rung > state.link.rung) return state
  const next = takeOver(state, rival, now, hasCursor, policy)
  return next.link.id === rival.id ? heard(next, now, policy) : next
}

/** A worse rung brought a message while the running one brought nothing at all: something in between holds its body back. */
export function rivalCarried(state: Open, rival: Dial, now: number, policy: Policy): Open {
  if (state.link.hasHeard) return state
  return carried(carriedBy(rival, { ...state, ladder: withheld(state.ladder, state.link.rung) }, now, policy), true, now, policy)
}

function carriedBy(rival: Dial, state: Open, now: number, policy: Policy): Open {
  return { ...state, ladder: opened(state.ladder, rival.rung), link: linkOf(rival, now, policy), rivals: [] }
}

/** A rival takes over if that loses nothing; if not, it is remembered for the next reconnect. */
function takeOver(state: Open, rival: Dial, now: number, hasCursor: boolean, policy: Policy): Open {
  const { link } = state
  const isSafe = rival.rung === link.rung || !link.hasCarried || (hasCursor && canMove(link.rung, rival.rung, policy))
  const next = isSafe
    ? carriedBy(rival, state, now, policy)
    : { ...state, ladder: recovered(state.ladder, rival.rung), rivals: without(state.rivals, rival) }
  return settled(next, now, policy)
}

export function rivalFailed(state: Open, rival: Dial, diagnosis: Diagnosis, now: number, policy: Policy): State {
  const news = [...state.news, { id: rival.id, diagnosis }]
  const next = { ...state, rivals: without(state.rivals, rival), news }
  // What the application itself says is not of this rung alone.
  if (diagnosis.verdict === 'stop' && diagnosis.evidence.kind === 'stopped') return closedBy(next, diagnosis)
  if (rival.rung === state.link.rung) return loseSilent(next, now, policy)
  const isWorse = rival.rung > state.link.rung
  const ladder = refused(state.ladder, rival.rung, refusalOf(diagnosis), now, !isWorse && isTelling(state, diagnosis))
  return settled({ ...next, ladder: isWorse ? ladder : rest(ladder, [rival.rung], now) }, now, policy)
}

function rivalTimedOut(state: Open, rival: Dial, now: number, policy: Policy): State {
  return rivalFailed(state, rival, policy.diagnose({ kind: 'timeout' }, rival, 'connect', now - rival.since), now, policy)
}

/** A sign of life. */
export function heard(state: Open, now: number, policy: Policy): Open {
  const { link } = state
  // What was dialled because it was silent is needed no more.
  const rivals = state.rivals.filter(({ rung }) => rung < link.rung)
  const next = { ...state, rivals, link: { ...link, heardAt: now, hasHeard: true, asked: null } }
  const isEnough = now - link.openedAt >= policy.provingMs || at(policy.rungs, link.rung).isAsking
  return isEnough ? prove(next, now, policy) : next
}

/** A message passed. One that came in proves the connection at once. */
export function carried(state: Open, isIncoming: boolean, now: number, policy: Policy): Open {
  const next = state.link.hasCarried ? state : { ...state, link: { ...state.link, hasCarried: true } }
  return isIncoming ? prove(heard(next, now, policy), now, policy) : next
}

function prove(state: Open, now: number, policy: Policy): Open {
  if (state.link.isProven) return state
  const ladder = proven(state.ladder, state.link.rung, now)
  return settled({ ...state, ladder, link: { ...state.link, isProven: true } }, now, policy)
}

/** Asks for a sign of life because the page woke up: a socket that says OPEN is not believed. */
export function woken(state: Open, now: number, policy: Policy): Open {
  const { link } = state
  if (at(policy.rungs, link.rung).isAsking) return nudged(state)
  // Already being replaced: waking once more changes nothing.
  const isReplaced = state.rivals.some(({ rung }) => rung === link.rung)
  return isReplaced ? state : ask(state, now, now + answerMs + policy.slackMs(), true)
}

/** What asks may ask at once. */
export function nudged(state: Open): Open {
  return { ...state, link: { ...state.link, nudges: state.link.nudges + 1 } }
}

/** What was sent is not acknowledged: asks whether anybody is there. */
export function doubted(state: Open, now: number, policy: Policy): Open {
  const canAsk = !state.link.asked && at(policy.rungs, state.link.rung).canPing
  return canAsk ? ask(state, now, now + answerMs + policy.slackMs(), false) : state
}

export function ask(state: Open, now: number, until: number, isWoken: boolean): Open {
  return { ...state, link: { ...state.link, asked: { at: now, until, isWoken } } }
}

/** Something of what this state waits for is due. */
export function onDue(before: Open, heardAt: number, hasCursor: boolean, now: number, policy: Policy): State {
  const { link } = before
  // What came before the question is no answer to it.
  const hasHeard = heardAt > (link.asked?.at ?? link.heardAt)
  let state: State = hasHeard ? heard(before, heardAt, policy) : before
  for (const rival of state.rivals) {
    if (state.status === 'open' && now >= rival.until) state = rivalTimedOut(state, rival, now, policy)
  }
  if (state.status !== 'open') return state
  if (!state.link.isProven && now >= state.link.provenAt) state = livedLong(state, now, policy)
  if (now >= silentAt(state.link, policy)) return onSilence(state, hasCursor, now, policy)
  return now >= state.lookAt ? lookAround(state, hasCursor, now, policy) : state
}

function livedLong(state: Open, now: number, policy: Policy): Open {
  const { link } = state
  const { isProvenByHearing, isProvenByReply } = at(policy.rungs, link.rung)
  if (link.hasHeard || !(isProvenByHearing || isProvenByReply)) return prove(state, now, policy)
  const silent = { ...state, link: { ...link, provenAt: Infinity } }
  const worse = plan(state.ladder, now).find((rung) => rung > link.rung && at(policy.rungs, rung).isAsking)
  if (isProvenByReply || worse === undefined || link.hasCarried || at(policy.rungs, link.rung).isAsking) return silent
  // Perhaps a proxy holds the body back, perhaps there is nothing to say: whichever brings a message first will tell.
  return addRival(silent, worse, now, policy, Infinity)
}

function onSilence(state: Open, hasCursor: boolean, now: number, policy: Policy): State {
  const { asked, rung } = state.link
  const heartbeat = policy.heartbeat()
  if (!asked && heartbeat && at(policy.rungs, rung).canPing)
    return ask(state, now, now + heartbeat.timeoutMs + policy.slackMs(), false)
  if (!hasCursor || !canMove(rung, rung, policy)) return loseSilent(state, now, policy)
  // With a cursor a second attachment beside the first finds out at no cost: a quiet server is not a dead one.
  return addRival(ask(state, asked?.at ?? now, Infinity, !!asked?.isWoken), rung, now, policy)
}

/** Tries a better rung beside the running one, where a move loses nothing and that rung has rested. */
function lookAround(state: Open, hasCursor: boolean, now: number, policy: Policy): Open {
  const { link, ladder, rivals } = state
  const better = betterThan(link.rung).find((rung) => {
    const record = at(ladder.rungs, rung)
    return canMove(link.rung, rung, policy) && isHealthy(record, now)
  })
  const looked = settled(state, now, policy)
  return better !== undefined && hasCursor && link.isProven && !rivals.length ? addRival(looked, better, now, policy) : looked
}

/**
 * When to look around next: when a better rung may be tried again; soon where one may be tried but not yet, or where no heartbeat
 * would tell that the machine has slept.
 */
function settled(state: Open, now: number, policy: Policy): Open {
  const { link, ladder } = state
  const times = betterThan(link.rung).map((rung) => {
    const { restUntil, absentUntil } = at(ladder.rungs, rung)
    const freeAt = Math.max(restUntil, absentUntil)
    return freeAt > now ? freeAt : now + lookMs
  })
  return { ...state, lookAt: Math.min(policy.heartbeat() ? Infinity : now + lookMs, ...times) }
}

function addRival(state: Open, rung: number, now: number, policy: Policy, until?: number): Open {
  const dial = dialOf(state, rung, now, policy)
  const rival = { ...dial, until: until ?? dial.until }
  return { ...state, lastId: rival.id, dialledAt: now, rivals: [...state.rivals, rival] }
}

function loseSilent(state: Open, now: number, policy: Policy): State {
  return loseTo(state, { kind: 'silent' }, now, policy)
}

function canMove(from: number, to: number, { rungs }: Policy): boolean {
  return at(rungs, from).resumes && at(rungs, to).resumes
}

function betterThan(rung: number): number[] {
  return Array.from({ length: rung }, (_, better) => better)
}

function without(rivals: readonly Dial[], rival: Dial): Dial[] {
  return rivals.filter((each) => each !== rival)
}
