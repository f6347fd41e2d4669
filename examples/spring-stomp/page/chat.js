import { Client } from '@stomp/stompjs'
import { webSocketOver } from 'steadfast/socket'
import { SockJS } from 'steadfast/sockjs'

const element = (id) => document.getElementById(id)

/** Sockets for the STOMP client: a session with the gateway, or a SockJS socket. */
const Socket = webSocketOver()
const ways = {
  gateway: () => new Socket(new URL('/realtime', location.href), ['v12.stomp']),
  sockjs: () => new SockJS('/sockjs'),
}

const client = new Client({ reconnectDelay: 1000 })

element('join').addEventListener('submit', (event) => {
  event.preventDefault()
  const { way, name } = Object.fromEntries(new FormData(event.target))
  client.webSocketFactory = ways[way]
  client.onConnect = () => {
    element('status').textContent = `${name} is online`
    client.subscribe('/topic/room', ({ body }) => show(JSON.parse(body)))
    client.publish({ destination: '/app/join', body: name })
  }
  client.onWebSocketClose = ({ code }) => {
    element('status').textContent = `closed (${code}), connecting again`
  }
  element('status').textContent = 'connecting'
  element('join').hidden = true
  element('room').hidden = false
  client.activate()
})

element('say').addEventListener('submit', (event) => {
  event.preventDefault()
  if (!client.connected) return
  const { text } = event.target.elements
  client.publish({ destination: '/app/say', body: text.value })
  text.value = ''
})

const texts = { join: () => 'joined', leave: () => 'left', say: ({ text }) => text }

function show(line) {
  const item = document.createElement('li')
  item.className = line.type
  item.append(Object.assign(document.createElement('b'), { textContent: line.name }), ` ${texts[line.type](line)}`)
  element('lines').append(item)
  item.scrollIntoView()
}
