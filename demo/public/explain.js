/** Explains the state of the connection: its transport, why no better one works, and what happens next. */
import { findingOf, listOf, suspicionOf } from './plain-words.js'
import { nameOf, rankOf, transports } from './transports.js'

/** The silence that counts as quiet, in ms: the feed sends several messages per second, and polls run every 2 s. */
const quiet = 3500
/** How long past troubles are still explained: as long as the timeline shows them. */
const rememberedMs = 60_000

/**
 * `lead` is the state, `troubles` the known problems, `next` the next action of the client. `mood`: 'well' without current
 * problems, so that any trouble is past; 'lower' if a better transport exists; 'down'. `quietMs`: how long nothing has
 * arrived.
 */
export function explain(state, attempts, quietMs) {
  if (state.status !== 'open') return { mood: 'down', ...explainOutage(state, attempts) }
  return { mood: 'lower', ...(quietMs > quiet ? explainQuiet(state, quietMs) : explainOpen(state, attempts)) }
}

function explainOutage(state, attempts) {
  switch (state.status) {
    case 'connecting':
      return {
        lead: attempts.all.some(({ openedAt }) => openedAt !== null)
          ? 'Not connected at this moment.'
          : 'Connecting for the first time.',
        troubles: troublesOf(ofThisOutage(attempts)),
        next: `Tried now: ${listOf(state.transports.map(nameOf))}.`,
      }
    case 'waiting':
    case 'offline':
      return { lead: 'Not connected.', troubles: troublesOf(ofThisOutage(attempts)), next: nextTry(state) }
    case 'closed': {
      const failed = ofThisOutage(attempts)
      const last = failed.findLast(({ diagnosis }) => diagnosis.verdict === 'stop')
      return {
        lead: state.diagnosis
          ? 'The client has stopped, and does not try again by itself.'
          : 'This page has closed the connection.',
        troubles: troublesOf(last ? [last] : failed),
        next: 'Press the button to connect again.',
        isOver: true,
      }
    }
    default:
      return { lead: 'Not connected yet.', troubles: [], next: '' }
  }
}

function explainQuiet({ transport }, quietMs) {
  return {
    lead: `Connected over ${nameOf(transport)}, but nothing comes.`,
    troubles: [],
    next: `Nothing has come for ${Math.floor(quietMs / 1000)} s. The client asks the server for a sign of life before it gives the connection up.`,
  }
}

function explainOpen({ transport }, attempts) {
  const name = nameOf(transport)
  const better = transports.slice(0, rankOf(transport)).map(({ type }) => type)
  const recent = attempts.all.filter(({ endedAt }) => endedAt > Date.now() - rememberedMs)
  const last = recent.findLast((attempt) => attempt.diagnosis || attempt.wasSilent)
  const silence = last?.wasSilent ? [silenceOf(last)] : []
  if (better.length === 0) {
    return {
      lead: `All is well. Connected over ${name}, the best of the four.`,
      troubles: last?.diagnosis ? troublesOf([last]) : silence,
      next: '',
      mood: 'well',
    }
  }
  const failed = better.map((type) => attempts.lastEnded(type)).filter((attempt) => attempt?.diagnosis || isHeldBack(attempt))
  const words = listOf(failed.map((attempt) => nameOf(attempt.transport)))
  const trying = better.filter((type) => attempts.running(type))
  const others = better.length > 1 ? 'Better ones are' : `${nameOf(better[0])} is`
  const why = better.some((type) => attempts.last(type))
    ? `It opened sooner than ${listOf(better.map(nameOf), 'or')}.`
    : 'It worked here last time, so it came first.'
  return {
    lead:
      failed.length > 0
        ? `Connected over ${name}, because ${words} ${failed.length > 1 ? 'do' : 'does'} not work here now.`
        : `Connected over ${name}. ${why}`,
    troubles: [
      ...troublesOf(failed.filter(({ diagnosis }) => diagnosis)),
      ...failed.filter(isHeldBack).map(heldBackOf),
      ...silence,
    ],
    next:
      trying.length > 0
        ? `Being tried again beside it, without a break: ${listOf(trying.map(nameOf))}.`
        : `${others} tried again beside it, without a break: after half a minute, then less and less often.`,
  }
}

/** The failures since the connection was last carried: the last diagnosis of each transport. */
function ofThisOutage(attempts) {
  const failed = attempts.all.filter(({ diagnosis, endedAt }) => diagnosis && endedAt >= attempts.outageSince)
  return failed.filter((attempt) => !failed.some((other) => other.transport === attempt.transport && other.id > attempt.id))
}

/** A cause that several transports have in common is one trouble, with the highest of their certainties. */
function troublesOf(failed) {
  const causes = [...new Set(failed.map(({ diagnosis }) => diagnosis.cause))]
  return causes.map((cause) => {
    const same = failed.filter(({ diagnosis }) => diagnosis.cause === cause)
    const { diagnosis, first } = same.find((each) => each.diagnosis.certainty === 'certain') ?? same[0]
    const transports = same.map(({ transport }) => transport).sort((a, b) => rankOf(a) - rankOf(b))
    return { transports, ...troubleOf(diagnosis, first) }
  })
}

function troubleOf({ message, cause, certainty, candidates = [], remedy, evidence }, first) {
  const others = candidates.filter((each) => each !== cause).map(suspicionOf)
  return {
    ...{ message, cause, certainty, remedy, others },
    first: first && first.message !== message ? first.message : '',
    othersLead: candidates.includes(cause) ? 'Or else' : 'It may be that',
    finding: findingOf(evidence),
  }
}

/** Whether the client left this attempt for a worse transport, which delivered messages that it did not. */
function isHeldBack(attempt) {
  return rankOf(attempt?.movedTo) > rankOf(attempt?.transport)
}

function heldBackOf({ transport, movedTo }) {
  return {
    transports: [transport],
    message: `It opened, and nothing came. ${nameOf(movedTo)} was tried beside it, and brought what was held back.`,
  }
}

function silenceOf({ transport }) {
  return {
    transports: [transport],
    message: 'The connection had gone silent. A second one was made beside it and took its place, so nothing broke.',
  }
}

function nextTry({ status, retry, diagnosis }) {
  if (!retry) return 'The client waits until this page is visible again.'
  const asked = diagnosis.evidence.retryAfterMs
  const when = `Next try in ${Math.max(0, (retry.at - Date.now()) / 1000).toFixed(0)} s`
  const why = asked ? `, since the server asked for a pause of ${Math.ceil(asked / 1000)} s` : ''
  const what = retry.attempt > 1 ? 'all transports, the best one first' : 'at first what worked last'
  return `${when}${why}: ${what}.${status === 'offline' ? ' Sooner, if this device is online again.' : ''}`
}
