import { pulse, showClock, showRungs, showState } from './carrier.js'
import { ChatView } from './chat.js'
import { element, show } from './dom.js'
import { FeedView } from './feed.js'
import { HarmView } from './harm.js'
import { plainMode } from './plain.js'
import { Attempts, dialMs, nameOf } from './rungs.js'
import { sessionMode } from './session.js'
import { Timeline } from './timeline.js'
import { log, offerReport, showDiagnosis } from './words.js'

if (!globalThis.Steadfast) {
  show('eyebrow', 'The client is not built')
  show('detail', 'Run `npm run build` and reload the page.')
  throw new Error('/steadfast.min.js did not load')
}

// A key of this tab's own, so that the harm it asks for is done to nobody else. It is kept over a reload, as the harm is.
const visitor = sessionStorage.getItem('visitor') ?? crypto.getRandomValues(new Uint32Array(3)).join('-')
sessionStorage.setItem('visitor', visitor)

// Two pages from one file: what is there for the other mode stays hidden.
const isPlain = location.pathname === '/plain'
for (const each of document.querySelectorAll('[data-mode]')) each.hidden = each.dataset.mode !== (isPlain ? 'plain' : 'session')
element(isPlain ? 'to-plain' : 'to-session').setAttribute('aria-current', 'page')

const attempts = new Attempts()
const { client, send, tally } = (isPlain ? plainMode : sessionMode)(visitor, {
  connectTimeoutMs: dialMs,
  // Nothing is overruled: the judge is only asked because it hears of failed attempts to climb as well, which raise no event.
  judge(diagnosis) {
    const { state } = client
    if (state.status === 'open' && state.transport !== diagnosis.evidence.transport) attempts.onError({ diagnosis })
  },
})

const timeline = new Timeline(element('timeline'), attempts)
const feed = new FeedView()
const chat = new ChatView(client, send)
new HarmView(visitor, (text) => timeline.mark(text))

/** How the open connection came about. */
let opened = {}

client.on('state', (event) => {
  attempts.onState(event)
  const { state } = event
  timeline.retryAt = state.retry?.at ?? null
  showState(state, opened)
  showRungs(attempts)
})
client.on('open', (event) => {
  opened = event
  show('announcement', `Connected over ${nameOf(event.transport)}.`)
})
client.on('transport', (event) => {
  attempts.onMove(event)
  opened = { movedFrom: event.from }
  show('announcement', `Moved to ${nameOf(event.to)}.`)
})
client.on('message', (event) => {
  const message = JSON.parse(event.data)
  tally.receive(message)
  feed.receive(message)
  pulse()
  if (message.kind === 'chat') chat.receive(message, event.transport)
})
client.on('error', (event) => {
  attempts.onError(event)
  chat.onError(event)
  showDiagnosis(event.diagnosis)
})
client.on('close', ({ diagnosis, final }) => {
  show('announcement', `Connection lost. ${diagnosis?.message ?? ''}${final ? '' : ' It is tried again.'}`)
})

attempts.addEventListener('change', ({ detail }) => {
  showRungs(attempts)
  log(detail)
})

showRungs(attempts)
offerReport(client)
feed.compareClocks().catch(() => {})
setInterval(() => {
  attempts.onReport(client.report(), client.state)
  feed.draw()
  tally.draw()
  showClock(client.state, opened)
}, 250)

// As on a first visit: nobody has done this visitor harm, and the client remembers nothing of what worked.
element('start-over').addEventListener('click', () => {
  client.close()
  sessionStorage.removeItem('visitor')
  for (const key of Object.keys(localStorage)) if (key.startsWith('steadfast:')) localStorage.removeItem(key)
  location.reload()
})
