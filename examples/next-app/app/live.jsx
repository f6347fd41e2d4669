'use client'

import { json } from 'steadfast'
import { RealtimeProvider, useConnection, useMessages } from 'steadfast/react'
import { session } from 'steadfast/session'

const options = { protocol: session(), codec: json() }

export function Live({ initial }) {
  return (
    <RealtimeProvider url="/realtime" options={options}>
      <Status />
      <Messages initial={initial} />
    </RealtimeProvider>
  )
}

function Status() {
  const { status, retryInMs } = useConnection()
  return (
    <p role="status">
      {status} {retryInMs ? `(again in ${retryInMs / 1000} s)` : ''}
    </p>
  )
}

/** On the server, and at first in the page, shows the initial messages; afterwards also those that follow. */
function Messages({ initial }) {
  const messages = useMessages('board', { initial, since: 'start' })
  return (
    <ol>
      {messages.toReversed().map(({ id, data }) => (
        <li key={id}>{data}</li>
      ))}
    </ol>
  )
}
