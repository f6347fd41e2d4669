import { anew, counted, uncounted } from './counter.js'
import { element, show } from './dom.js'

/** Plain mode, for any server: frames, events and answers, and the number of a message as the cursor. */
export function plainMode(visitor, options) {
  const { RealtimeClient, plain } = globalThis.Steadfast
  const anyServer = plain()
  const url = `/live?visitor=${visitor}`
  const client = new RealtimeClient(url, {
    ...options,
    transports: ['websocket', 'sse', 'long-poll', { type: 'poll', url: `${url}&mode=poll`, intervalMs: 2000 }],
    // The feed sends eight messages per second. Longer than `provingMs`, which detects sooner that nothing arrives at all.
    heartbeat: { intervalMs: 4000, timeoutMs: 3000 },
    // The cursor of this server. With it the client can move an open connection to a better transport, and loses nothing when
    // it reconnects.
    protocol: {
      ...anyServer,
      name: 'demo',
      resumes: () => true,
      ask: (question) =>
        question.transport === 'websocket' && question.cursor
          ? { query: { last_event_id: question.cursor } }
          : anyServer.ask(question),
      readFrame: (frame) => {
        const id = String(JSON.parse(frame).id)
        return [{ data: frame, id, cursor: id }]
      },
    },
  })
  return { client, send: (fields) => client.send(JSON.stringify(fields)), tally: new PlainTally() }
}

/** Only messages of the server are numbered, and lost ones are found by counting. */
class PlainTally {
  #count = uncounted
  #lastAt = 0

  receive({ id, at }) {
    // Smaller numbers with later times: the server has restarted and counts from the beginning.
    if (id <= this.#count.last && at > this.#lastAt) this.#count = anew(this.#count)
    this.#count = counted(this.#count, id)
    this.#lastAt = Math.max(this.#lastAt, at)
  }

  draw() {
    const { count, lost, repeated } = this.#count
    show('received', count.toLocaleString('en'))
    show('twice', repeated.toLocaleString('en'))
    element('missing').classList.toggle('bad', lost > 0)
    show('missing', lost.toLocaleString('en'))
  }
}
