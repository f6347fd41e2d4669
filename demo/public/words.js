import { element, make, seconds } from './dom.js'
import { nameOf } from './rungs.js'

/** What happened, as the client puts it. */
export function showDiagnosis({ message, remedy, cause, certainty, evidence }) {
  const facts = make('p', 'facts')
  facts.append(
    ...[nameOf(evidence.transport), cause, certainty, `after ${seconds(evidence.elapsedMs)}`].map((text) =>
      make('span', '', text),
    ),
  )
  element('diagnosis').replaceChildren(make('p', 'message', message), ...(remedy ? [make('p', 'remedy', remedy)] : []), facts)
}

const maxLines = 60
const logged = new Map()

/** Tells an attempt in a line of its own, and what became of it in the same line. */
export function log(attempt) {
  const line = logged.get(attempt) ?? make('li', '')
  if (!logged.has(attempt)) {
    logged.set(attempt, line)
    element('log').prepend(line)
    const time = new Date(attempt.startedAt).toLocaleTimeString('en-GB')
    line.append(make('time', '', time), nameOf(attempt.transport), make('span', ''))
    if (logged.size > maxLines) {
      const [oldest] = logged.keys()
      logged.get(oldest).remove()
      logged.delete(oldest)
    }
  }
  const words = line.lastElementChild
  words.textContent = outcomeOf(attempt)
  words.className = attempt.outcome === 'failed' || attempt.outcome === 'lost' ? 'bad' : ''
}

function outcomeOf({ outcome, startedAt, openedAt, endedAt, movedTo, movedFrom }) {
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
      return `${movedTo ? 'moved on' : openedAt === null ? 'given up' : 'ended'} after ${lived}`
  }
}

/** Lets the client's own report be read and copied. */
export function offerReport(client) {
  element('show-report').addEventListener('click', () => {
    element('report-text').textContent = JSON.stringify(client.report(), null, 2)
    element('report').showModal()
  })
  element('copy-report').addEventListener('click', async ({ target }) => {
    try {
      await navigator.clipboard.writeText(element('report-text').textContent)
      target.textContent = 'Copied'
    } catch {
      // Without a secure context there is no clipboard, but there is a selection.
      getSelection().selectAllChildren(element('report-text'))
      target.textContent = 'Selected'
    }
  })
}
