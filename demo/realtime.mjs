/**
 * What the demo does with sessions, whether one process serves them or two: each visitor's session is subscribed to the feed, and
 * what visitors send is numbered by them. The count of it is kept in the session and told to them, so that both ways are counted
 * where they end.
 *
 * A process may be killed between any two lines of `receive`, and then another one receives the message again. So whatever it does
 * has no effect the second time: what is counted already is not counted again, and the rest is done under a key.
 */
import { counted, tallyOf, uncounted } from './public/counter.js'

export const feedTopic = 'watch'
/** Shorter than by default, since somebody is watching. */
const heartbeatMs = 4000

/**
 * Options for the `RealtimeServer` of the demo. `publish(topic, text, { key })` is its own; `say(json, key)` puts a chat message
 * into the feed, once for each key.
 */
export function realtimeOptions({ publish, say }) {
  return {
    heartbeatMs,
    authenticate: ({ url }) => ({ id: new URLSearchParams(url.split('?')[1]).get('visitor') || 'nobody' }),
    onSession: async (session) => {
      await session.subscribe([feedTopic, echoTopicOf(session)])
    },
    async onMessage(session, { data, id, redelivered }) {
      const { no, text } = parsed(data)
      if (!Number.isSafeInteger(no) || no < 1) return
      let now = uncounted
      await session.update((present) => {
        const before = present ?? uncounted
        now = redelivered && isCounted(before, no) ? before : counted(before, no)
        return now
      })
      if (text !== undefined) await say(data, `${id.session}.${id.n}`)
      const echo = JSON.stringify({ kind: 'echo', id: now.count, up: tallyOf(now), last: now.last })
      // Not `session.send()`, which has no key.
      await publish(echoTopicOf(session), echo, { key: String(id.n) })
    },
  }
}

/** A topic that this session alone is subscribed to. */
const echoTopicOf = ({ id }) => `echo.${id}`

const isCounted = ({ last, missing }, number) => last !== null && number <= last && !missing.includes(number)

function parsed(data) {
  try {
    return Object(JSON.parse(data))
  } catch {
    return {}
  }
}
