import { element, make, show } from './dom.js'
import { explain } from './explain.js'
import { certainties } from './plain-words.js'
import { nameOf } from './transports.js'

/** The panel that explains the state of the connection. It is rendered again when the explanation changes. */
export class WordsView {
  #panel = element('diagnosis')
  #again = element('connect-here')
  #shown = ''
  #remedies = null
  /** Whether the visitor has opened or closed the details of a cause. */
  #opened = new Map()

  show(state, attempts, quietMs) {
    const { next, ...said } = explain(state, attempts, quietMs)
    if (said.troubles.length > 0) this.#load()
    show('next', next)
    this.#again.hidden = !said.isOver
    const key = JSON.stringify([said, !!this.#remedies])
    if (key === this.#shown) return
    this.#shown = key
    const { lead, troubles, mood } = said
    const parts = troubles.map((trouble, index) => this.#part(trouble, index === 0 && mood !== 'well'))
    this.#panel.dataset.mood = mood
    if (mood === 'well' && parts.length > 0) parts.unshift(make('h3', '', 'What went wrong a moment ago'))
    this.#panel.replaceChildren(make('p', 'lead', lead), ...parts)
  }

  #part({ transports, message, cause, certainty, remedy, ...more }, isOpen) {
    const part = make('article', 'trouble')
    const told = make('p', 'message', ` ${message}`)
    told.prepend(make('strong', '', `${transports.map(nameOf).join(', ')}:`))
    part.append(told)
    if (!cause) return part
    const facts = make('p', 'facts')
    const sure = Object.assign(make('span', '', certainty), { title: certainties[certainty] })
    facts.append(make('code', '', cause), sure)
    const todo = remedy ?? this.#remedies?.[cause]?.remedy
    const known = [...knownOf(more), ...(todo ? [make('p', 'remedy', `What to do: ${todo}`)] : [])]
    part.append(facts, ...(known.length > 0 ? [this.#details(cause, isOpen, known)] : []))
    return part
  }

  /** The details of a cause. Only those of the first current trouble are open by default. */
  #details(cause, isOpen, parts) {
    const details = make('details', '')
    details.open = this.#opened.get(cause) ?? isOpen
    details.append(make('summary', '', 'How that is known, and what to do'), ...parts)
    details.querySelector('summary').addEventListener('click', () => this.#opened.set(cause, !details.open))
    return details
  }

  /** Loads the remedies after the first failure. */
  #load() {
    if (this.#remedies) return
    this.#remedies = {}
    import('/remedies.js').then(
      ({ remedies }) => {
        this.#remedies = remedies
        this.#shown = ''
      },
      // Retries later, since the server may be restarting.
      () => setTimeout(() => (this.#remedies = null), 5000),
    )
  }
}

/** The basis of a diagnosis: the first diagnosis, other candidates, and the result of follow-up questions. */
function knownOf({ first, others, othersLead, finding }) {
  const parts = first ? [make('p', 'first', `Now known; at first: ${first}`)] : []
  if (others.length > 2) {
    const list = make('ul', 'others')
    list.append(...others.map((other) => make('li', '', other)))
    parts.push(make('p', '', `${othersLead} …`), list)
  } else if (others.length > 0) parts.push(make('p', 'others', `${othersLead} ${others.join(', or ')}.`))
  return finding ? [...parts, make('p', 'finding', finding)] : parts
}
