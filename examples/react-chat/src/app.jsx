import { useEffect, useState } from 'react'
import { json } from 'steadfast'
import { RealtimeProvider, useConnection, useMessages, usePresence, useTopic } from 'steadfast/react'
import { session } from 'steadfast/session'

const intoView = (line) => line?.scrollIntoView()
const options = { protocol: session(), codec: json() }

export function App() {
  const [name, setName] = useState('')
  useEffect(() => void fetch('/login').then(async (response) => setName(await response.text())), [])

  async function logIn(wanted) {
    await fetch(`/login?${new URLSearchParams({ name: wanted })}`, { method: 'POST' })
    setName(wanted.trim())
  }
  if (!name) return <Ask what="Your name" answer={logIn} />
  return (
    <RealtimeProvider url="/realtime" options={options}>
      <Room topic="room:lobby" me={name} />
    </RealtimeProvider>
  )
}

function Room({ topic, me }) {
  const { publish, error } = useTopic(topic)
  const messages = useMessages(topic, { since: { last: 50 } })
  const { members } = usePresence(topic)
  const { status, retryInMs } = useConnection()
  return (
    <>
      <header>
        {error?.message ?? status} {retryInMs ? `(again in ${retryInMs / 1000} s)` : ''}
        <span>{members.map(({ info }) => info).join(', ')}</span>
      </header>
      <ol>
        {messages.map(({ id, data: { from, text } }) => (
          <li key={id} ref={intoView} className={from === me ? 'mine' : ''}>
            <b>{from}</b> {text}
          </li>
        ))}
      </ol>
      <Ask what="Say something" answer={publish} />
    </>
  )
}

function Ask({ what, answer }) {
  return (
    <form action={(data) => void answer(data.get('text')).catch(alert)}>
      <input name="text" aria-label={what} placeholder={what} autoComplete="off" required />
      <button type="submit">Send</button>
    </form>
  )
}
