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

// A key of this tab's own, so that the harm it asks for is done to nobody else. It is kept over a reload, as the harm is.
const visitor = sessionStorage.getItem('visitor') ?? crypto.getRandomValues(new Uint32Array(3)).join('-')
sessionStorage.setItem('visitor', visitor)

// Two pages from one file: what is there for the other mode stays hidden.
const isPlain = location.pathname === '/plain'
for (const each of document.querySelectorAll('[data-mode]')) each.hidden = each.dataset.mode !== (isPlain ? 'plain' : 'session')
element(isPlain ? 'to-plain' : 'to-session').setAttribute('aria-current', 'page')

/** What the server of this demo means by a code and a status of its own. */
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
// One process serves plain mode, whatever carries sessions.
if (!isPlain) new NodesView({ visitor, onDone: (text) => timeline.mark(text) })
const words = new WordsView()

/** How the open connection came about. */
let opened = {}
let heardAt = Date.now()

/** Learns from the client what has become of its attempts. */
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
// It refines what an error said.
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

// As on a first visit: nobody has done this visitor harm, and the client remembers nothing of what worked.
element('start-over').addEventListener('click', () => {
  client.close()
  sessionStorage.removeItem('visitor')
  for (const key of Object.keys(localStorage)) if (key.startsWith('steadfast:')) localStorage.removeItem(key)
  location.reload()
})
