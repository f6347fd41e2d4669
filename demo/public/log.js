import { element, make, seconds } from './dom.js'
import { nameOf } from './transports.js'

const maxLines = 60
const logged = new Map()

/** Logs an attempt in one line, which is updated with its outcome. */
export function log(attempt) {
  const line = logged.get(attempt) ?? make('li', '')
  if (!logged.has(attempt)) {
    logged.set(attempt, line)
    element('log').prepend(line)
    const time = new Date(attempt.startedAt).toLocaleTimeString('en-GB')
    line.append(make('time', '', time), nameOf(attempt.transport), make('span', 'outcome'), make('span', 'cause'))
    if (logged.size > maxLines) {
      const [oldest] = logged.keys()
      logged.get(oldest).remove()
      logged.delete(oldest)
    }
  }
  const { outcome, cause, certainty } = attempt
  const [words, known] = line.querySelectorAll('span')
  words.textContent = outcomeOf(attempt)
  words.classList.toggle('bad', outcome === 'failed' || outcome === 'lost')
  known.textContent = cause ? `${cause}, ${certainty}` : ''
}

function outcomeOf({ outcome, startedAt, openedAt, endedAt, movedTo, movedFrom, wasSilent }) {
  const lived = seconds((endedAt ?? Date.now()) - (openedAt ?? startedAt))
  switch (outcome) {
    case 'trying':
      return 'trying …'
    case 'open':
      return movedFrom ? `took over from ${nameOf(movedFrom)}` : `opened after ${seconds(openedAt - startedAt)}`
    case 'failed':
      return `failed after ${lived}`
    case 'lost':
      return `lost after ${lived}`
    default:
      if (wasSilent) return `silent, replaced after ${lived}`
      return `${movedTo ? 'moved on' : openedAt === null ? 'given up' : 'ended'} after ${lived}`
  }
}
