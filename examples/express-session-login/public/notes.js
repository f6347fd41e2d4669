const { RealtimeClient, StopConnecting, json, session } = Steadfast
const element = (id) => document.getElementById(id)

const client = new RealtimeClient('/realtime', {
  protocol: session(),
  codec: json(),
  // Called before every attempt. The browser sends the cookie by itself; this checks whether it is still valid.
  async prepare({ signal }) {
    const response = await fetch('/me', { signal })
    if (response.status === 401) throw new StopConnecting('log in again')
    if (!response.ok) throw new Error(`/me answered ${response.status}`)
    element('name').textContent = (await response.json()).name
  },
})

client.on('open', () => show('online'))
client.on('close', ({ final, retry, diagnosis }) => {
  if (!final) show(retry ? 'reconnecting' : 'offline')
  else if (diagnosis?.cause === 'client.stopped') showLogin()
  else show(diagnosis?.message ?? 'closed')
})

const notes = client.subscribe('notes', { since: 'start' })
notes.on('message', ({ data }) => {
  const item = document.createElement('li')
  item.textContent = data
  element('list').prepend(item)
})

element('add').addEventListener('submit', async (event) => {
  event.preventDefault()
  const { text } = event.target.elements
  const note = text.value
  text.value = ''
  await notes.publish(note).catch((error) => show(error.message))
})

function show(status) {
  element('status').textContent = status
}

function showLogin() {
  element('notes').remove()
  element('logged-out').hidden = false
}
