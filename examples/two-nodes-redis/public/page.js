const { RealtimeClient, json, session } = Steadfast
const element = (id) => document.getElementById(id)
const publishEveryMs = 250

const me = `guest ${Math.random().toString(36).slice(2, 6)}`
const transport = new URLSearchParams(location.search).get('transport')
const client = new RealtimeClient('/realtime', {
  protocol: session(),
  codec: json(),
  prepare: () => ({ auth: me }),
  ...(transport && { transports: [transport] }),
})

const counts = { received: 0, lost: 0, repeated: 0 }
/** The last number of each sender. */
const last = new Map()
const numbers = client.subscribe('numbers')
numbers.on('message', ({ data: { from, n, node } }) => {
  const before = last.get(from)?.n ?? n - 1
  counts.received += 1
  if (n <= before) counts.repeated += 1
  else counts.lost += n - before - 1
  last.set(from, { n: Math.max(n, before), node })
  show()
})
numbers.presence.on('change', show)

let n = 0
setInterval(() => {
  n += 1
  numbers.publish(n).catch((error) => console.error(error))
}, publishEveryMs)

client.on('state', show)
for (const button of document.querySelectorAll('button')) {
  button.addEventListener('click', () => fetch(`/kill/${button.dataset.node}`, { method: 'POST' }))
}

function show() {
  const { status, transport: over } = client.state
  element('status').textContent = status === 'open' ? `online over ${over}, at node ${last.get(me)?.node ?? '…'}` : status
  for (const [name, count] of Object.entries(counts)) element(name).textContent = count
  const rows = numbers.presence.members.map(({ info }) => {
    const { n = '', node = '' } = last.get(info) ?? {}
    return row(info === me ? `${info} (this page)` : info, n, node)
  })
  element('members').replaceChildren(...rows)
}

function row(...texts) {
  const tr = document.createElement('tr')
  for (const text of texts) tr.insertCell().textContent = text
  return tr
}
