/**
 * The session handlers of the demo, for one process or two: each visitor's session is subscribed to the feed, and visitors
 * number their messages. The count is stored in the session and reported to them, so that both directions are counted by their
 * receiver.
 *
 * A process may be killed between any two lines of `receive`, and then another one receives the message again. So the handler
 * is idempotent: messages that are counted already are not counted again, and publications have a key.
 */
import { counted, tallyOf, uncounted } from './public/counter.js'

export const feedTopic = 'watch'
/** Shorter than by default, since a visitor is watching. */
const heartbeatMs = 4000

/**
 * Options for the `RealtimeServer` of the demo. `publish(topic, text, { key })` is its own; `say(json, key)` appends a chat
 * message to the feed, once for each key.
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
      // Not `session.send()`, which does not accept a key.
      await publish(echoTopicOf(session), echo, { key: String(id.n) })
    },
  }
}

/** A topic to which only this session is subscribed. */
const echoTopicOf = ({ id }) => `echo.${id}`

const isCounted = ({ last, missing }, number) => last !== null && number <= last && !missing.includes(number)

function parsed(data) {
  try {
    return Object(JSON.parse(data))
  } catch {
    return {}
  }
}
