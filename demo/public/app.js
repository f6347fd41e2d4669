import { pulse, showClock, showState, showTransports } from './carrier.js'
import { ChatView } from './chat.js'
import { element, show } from './dom.js'
import { FeedView } from './feed.js'
import { HarmView } from './harm.js'
import { log } from './log.js'
import { NodesView } from './nodes.js'
import { plainMode } from './plain.js'
import { offerReport } from './report.js'
import { sessionMode } from './session.js'
import { Timeline } from './timeline.js'
import { Attempts, dialMs, nameOf } from './transports.js'
import { WordsView } from './words.js'

if (!globalThis.Steadfast) {
  show('eyebrow', 'The client is not built')
  show('detail', 'Run `npm run build` and reload the page.')
  throw new Error('/steadfast.session.min.js did not load')
}

// A key of this tab, so that its faults affect no other visitor. It is kept over a reload, as the faults are.
const visitor = sessionStorage.getItem('visitor') ?? crypto.getRandomValues(new Uint32Array(3)).join('-')
sessionStorage.setItem('visitor', visitor)

// Two pages from one file: elements of the other mode stay hidden.
const isPlain = location.pathname === '/plain'
for (const each of document.querySelectorAll('[data-mode]')) each.hidden = each.dataset.mode !== (isPlain ? 'plain' : 'session')
element(isPlain ? 'to-plain' : 'to-session').setAttribute('aria-current', 'page')

/** The meaning of the demo server's own close code and status. */
const trialIsOver = {
  message: 'Your trial of this lighthouse is over.',
  remedy: 'Connect again: there is no till, and there will be none.',
  verdict: 'stop',
}

const attempts = new Attempts()
const { client, send, tally } = (isPlain ? plainMode : sessionMode)(visitor, {
  connectTimeoutMs: dialMs,
  causes: { 4402: trialIsOver, 402: trialIsOver },
})

const timeline = new Timeline(element('timeline'), attempts)
const feed = new FeedView()
const chat = new ChatView(client, send)
new HarmView({ visitor, isPlain, onDone: (text) => timeline.mark(text) })
// Plain mode is always served by a single process.
if (!isPlain) new NodesView({ visitor, onDone: (text) => timeline.mark(text) })
const words = new WordsView()

/** Details of the open connection: how it opened or moved. */
let opened = {}
let heardAt = Date.now()

/** Updates the attempts from the client. */
function look() {
  attempts.sync(client.report(), client.state)
  words.show(client.state, attempts, Date.now() - heardAt)
}

client.on('state', ({ state, previous }) => {
  const isSame = state.status === 'open' && previous.status === 'open' && state.transport === previous.transport
  if (isSame && state.since !== previous.since) opened = { wasSilent: true }
  if (state.status !== 'open' || previous.status !== 'open') heardAt = Date.now()
  look()
  timeline.retryAt = state.retry?.at ?? null
  showState(state, opened, attempts)
  showTransports(attempts)
})
client.on('open', (event) => {
  opened = event
  show('announcement', `Connected over ${nameOf(event.transport)}.`)
})
client.on('transport', (event) => {
  opened = { movedFrom: event.from }
  show('announcement', `Moved to ${nameOf(event.to)}.`)
})
client.on('message', (event) => {
  const message = JSON.parse(event.data)
  heardAt = Date.now()
  tally.receive(message)
  feed.receive(message)
  pulse()
  if (message.kind === 'chat') chat.receive(message, event.transport)
})
client.on('error', (event) => {
  chat.onError(event)
  learn(event)
})
// It refines the diagnosis of an error.
client.on('diagnosis', learn)
client.on('close', ({ diagnosis, final }) => {
  show('announcement', `Connection lost. ${diagnosis?.message ?? ''}${final ? '' : ' The client tries again.'}`)
})

function learn({ diagnosis }) {
  attempts.sync(client.report(), client.state)
  attempts.diagnosed(diagnosis)
  look()
}

attempts.addEventListener('change', ({ detail }) => {
  showTransports(attempts)
  log(detail)
})

for (const id of ['connect-again', 'connect-here']) element(id).addEventListener('click', () => client.connect())

showTransports(attempts)
offerReport(client)
feed.compareClocks().catch(() => {})
setInterval(() => {
  look()
  feed.draw()
  tally.draw()
  showClock(client.state, opened, attempts)
}, 250)

// As on a first visit: removes this visitor's faults, and the client's transport memory.
element('start-over').addEventListener('click', () => {
  client.close()
  sessionStorage.removeItem('visitor')
  for (const key of Object.keys(localStorage)) if (key.startsWith('steadfast:')) localStorage.removeItem(key)
  location.reload()
})
