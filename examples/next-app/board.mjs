import { json } from 'steadfast'
import { RealtimeServer } from 'steadfast/server'

const shown = 50

/** A message board, whose messages reach each page by the topic `board`. */
export function createBoard() {
  const realtime = new RealtimeServer({ codec: json(), onSubscribe: (_session, topic) => topic === 'board' })
  /** In place of a database: each message with its offset in the topic, and an id as the key of lists. */
  const messages = []
  return {
    realtime,
    /** The initial messages of a page, oldest first. */
    latest: () => messages.slice(-shown),
    async post(text) {
      const offset = await realtime.publish('board', text)
      messages.push({ id: String(offset), offset, data: text })
    },
  }
}
