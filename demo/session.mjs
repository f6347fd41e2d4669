/**
 * The feed in session mode, at one URL for all four transports. Each visitor's session is subscribed to the feed, and what
 * visitors send is numbered by them: the count of it is kept in the session and told to them, so that both ways are counted
 * where they end.
 *
 * Its store outlives a restart, as one that is no part of the process would.
 */
import { say } from './chat.mjs'
import { counted, tallyOf, uncounted } from './public/counter.js'

const topic = 'watch'
/** The page says over which transport it asks, so that harm can be done to it alone. */
const transports = ['websocket', 'sse', 'long-poll', 'poll']
/** Shorter than by default, since somebody is watching. */
const heartbeatMs = 4000

export function createSessions(feed, harm, { RealtimeServer, memoryStore }) {
  const store = memoryStore()
  /** The session of each visitor, by its id: what is known of it is in the store. */
  const ids = new Map()
  let realtime = open()
  feed.listen(({ text }) => realtime.publish(topic, text))

  function open() {
    return new RealtimeServer({
      ...{ ...store, heartbeatMs, onMessage: receive },
      authenticate: ({ url }) => ({ id: new URLSearchParams(url.split('?')[1]).get('visitor') || 'nobody' }),
      onSession(session) {
        ids.set(session.principal.id, session.id)
        session.subscribe(topic)
      },
      onEnd: ({ principal, id }) => ids.get(principal.id) === id && ids.delete(principal.id),
    })
  }

  async function receive(session, { data, redelivered }) {
    const number = numberOf(data)
    if (number === null) return
    const before = session.data ?? uncounted
    // Only if a process died in here: what it had counted it had also done.
    if (redelivered && number <= before.last && !before.missing.includes(number)) return
    const now = counted(before, number)
    await session.update(now)
    say(feed, data)
    await session.send(JSON.stringify({ kind: 'echo', id: now.count, up: tallyOf(now), last: now.last }))
  }

  function upgrade(request, socket, head, query) {
    const visitor = query.get('visitor') ?? ''
    if (!harm.admits(visitor, request, socket, (...stripped) => answer(...stripped, query))) return
    harm.watchSocket(visitor, socket)
    realtime.handleUpgrade(request, socket, head)
  }

  function answer(request, response, query) {
    const visitor = query.get('visitor') ?? ''
    const transport = transports.find((name) => name === query.get('via')) ?? 'poll'
    if (harm.stops(visitor, transport, request, response, query.has('diagnose'))) return
    harm.watchAnswer(visitor, transport, request, response)
    realtime.handleRequest(request, response)
  }

  /** Ends a visitor's session for good, whatever carries it. */
  async function end(visitor, code, reason) {
    const session = await realtime.session(ids.get(visitor) ?? '')
    session?.close(code, reason)
  }

  return {
    ...{ upgrade, answer, end },
    /** Says goodbye to all, and waits for what is being handled. */
    close: () => realtime.close({ drainMs: 500 }),
    reopen() {
      realtime = open()
    },
  }
}

function numberOf(data) {
  try {
    const number = JSON.parse(data)?.no
    return Number.isSafeInteger(number) && number > 0 ? number : null
  } catch {
    return null
  }
}
