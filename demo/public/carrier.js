// The upper part: the current transport, in large letters, and the state of each transport.
import { element, make, minutes, seconds, show, still } from './dom.js'
import { nameOf, transports } from './transports.js'

/** The transport shown last. */
let shownCarrier = ''

/** Shows a new state. `opened` has details of an open connection, `attempts` the current diagnoses otherwise. */
export function showState(state, opened, attempts) {
  const { status } = state
  document.querySelector('.night').dataset.status = status
  if (status === 'open') {
    show('eyebrow', 'Connected over')
    showCarrier(nameOf(state.transport))
  } else if (status === 'connecting') {
    show('eyebrow', state.attempt > 0 ? `Retry ${state.attempt}, over` : 'Connecting over')
    showCarrier(nameOf(state.transports.at(-1)))
  }
  document.title = status === 'open' ? `● ${nameOf(state.transport)} – steadfast` : '○ steadfast'
  element('connect-again').hidden = status !== 'closed'
  showClock(state, opened, attempts)
}

/** Updates the texts that change with time. */
export function showClock(state, opened, attempts) {
  switch (state.status) {
    case 'open': {
      const doubt = state.proven ? '' : ', not proven yet'
      show('detail', `For ${minutes(Date.now() - state.since)}, ${howOpened(opened)}${doubt}`)
      break
    }
    case 'connecting':
      show('detail', state.transports.length > 1 ? `${state.transports.map(nameOf).join(' and ')} at once` : ' ')
      break
    case 'waiting':
    case 'offline':
      show('eyebrow', state.status === 'offline' ? 'The browser is offline. Next try in' : 'Not connected. Next try in')
      showCarrier(state.retry ? `${(Math.max(0, state.retry.at - Date.now()) / 1000).toFixed(1)} s` : '–', true)
      show('detail', attempts.refined(state.diagnosis).message)
      break
    case 'closed':
      show('eyebrow', `Closed (${state.code})`)
      showCarrier('Ended', true)
      show('detail', state.diagnosis ? attempts.refined(state.diagnosis).message : state.reason)
      break
  }
}

function howOpened({ movedFrom, wasSilent, attempt, elapsedMs, resumed }) {
  if (wasSilent) return 'in place of a connection that had gone silent'
  if (movedFrom) return `moved here from ${nameOf(movedFrom)} without a break`
  return `opened${attempt > 0 ? ` by retry ${attempt}` : ''} in ${seconds(elapsedMs)}${resumed ? ', resumed without loss' : ''}`
}

/** Shows the name in large letters. It moves in from above after a fallback, and from below after a promotion. */
function showCarrier(text, isCount = false) {
  const carrier = element('carrier')
  if (carrier.textContent === text) return
  carrier.textContent = text
  const rank = transports.findIndex(({ name }) => name === text)
  const before = transports.findIndex(({ name }) => name === shownCarrier)
  if (!isCount) shownCarrier = text
  if (isCount || before === -1 || still.matches) return
  const from = rank > before ? '-0.35em' : '0.35em'
  carrier.animate(
    [
      { translate: `0 ${from}`, opacity: 0.2 },
      { translate: '0 0', opacity: 1 },
    ],
    { duration: 350, easing: 'ease-out' },
  )
}

export function showTransports(attempts) {
  const list = element('transports')
  if (list.children.length === 0) {
    for (const { name } of transports) {
      const item = make('li', '')
      item.append(make('span', 'light'), make('span', 'name', name), make('span', 'state'))
      list.append(item)
    }
  }
  transports.forEach(({ type }, i) => {
    const [standing, words] = attempts.standing(type)
    list.children[i].dataset.standing = standing
    list.children[i].querySelector('.state').textContent = words
  })
}

/** Pulses the light of the current transport with each message. */
export function pulse() {
  const light = document.querySelector('#transports [data-standing="carrying"] .light')
  if (!light || still.matches || light.getAnimations().some(({ id }) => id === 'pulse')) return
  light.animate([{ scale: 1.3 }, { scale: 1 }], { duration: 250, easing: 'ease-out', id: 'pulse' })
}
