import { Client } from '@stomp/stompjs'
import { webSocketOver } from 'steadfast/socket'

const maxLines = 100
const element = (id) => document.getElementById(id)
const counts = { sent: 0, received: 0, connects: 0 }

const WebSocket = webSocketOver({
  debug: (line) => {
    const [, what, rest = ''] = /^steadfast: (\w+),? ?(.*)$/.exec(line) ?? []
    if (what !== 'message' && what !== 'state') append('log', `${what} ${rest}`)
    if (what === 'open') show('open', `connected over ${rest.split(',')[0]}`)
    else if (what === 'transport') show('open', `connected over ${rest.split(' to ')[1]}`)
    else if (what === 'close') show('connecting', 'connecting again; the socket is still open')
  },
})
const client = new Client({
  webSocketFactory: () => new WebSocket(new URL('/realtime', location.href), ['v12.stomp', 'v11.stomp']),
  reconnectDelay: 500,
})
client.onConnect = () => {
  counts.connects += 1
  count()
  client.subscribe('/topic/chat', ({ body }) => {
    const { name, text } = JSON.parse(body)
    counts.received += 1
    count()
    append('messages', text, name)
  })
}
client.onWebSocketClose = ({ code, diagnosis }) => show('closed', `closed (${code}): ${diagnosis?.message ?? 'connecting again'}`)
client.activate()

element('form').addEventListener('submit', (event) => {
  event.preventDefault()
  if (!client.connected) return
  const text = element('text')
  client.publish({ destination: '/app/chat', body: JSON.stringify({ name: element('name').value, text: text.value }) })
  counts.sent += 1
  count()
  text.value = ''
})
element('block').addEventListener('click', async ({ currentTarget: button }) => {
  const isBlocked = button.getAttribute('aria-pressed') !== 'true'
  button.setAttribute('aria-pressed', String(isBlocked))
  await fetch(`/websocket?allowed=${!isBlocked}`, { method: 'POST' })
})
element('cut').addEventListener('click', () => fetch('/cut', { method: 'POST' }))

function show(state, text) {
  element('state').dataset.state = state
  element('state').textContent = text
}

function count() {
  element('counts').textContent = Object.entries(counts)
    .map(([what, number]) => `${what} ${number}`)
    .join(' · ')
}

function append(list, text, name) {
  const item = document.createElement('li')
  if (name !== undefined) item.append(Object.assign(document.createElement('b'), { textContent: name }))
  item.append(text)
  const parent = element(list)
  parent.append(item)
  while (parent.children.length > maxLines) parent.firstChild.remove()
  parent.scrollTop = parent.scrollHeight
}
