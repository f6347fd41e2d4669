import { anew, counted, tallyOf, uncounted } from './counter.js'
import { element, show } from './dom.js'

const sendEveryMs = 250

/** Session mode; its server is `steadfast/server`. */
export function sessionMode(visitor, options) {
  const { RealtimeClient, session } = globalThis.Steadfast
  const client = new RealtimeClient(`/realtime?visitor=${visitor}`, {
    ...options,
    protocol: session(),
    transports: ['websocket', 'sse', 'long-poll', { type: 'poll', intervalMs: 2000 }],
    // Servers do not need this. The demo's server uses it to apply faults to a single transport.
    prepare: ({ transport }) => ({ query: { via: transport } }),
  })
  const tally = new SessionTally(client)
  return { client, send: (fields) => tally.send(fields), tally }
}

/** Both directions are numbered: received messages are counted here, sent ones by the server, which reports its count. */
class SessionTally {
  #client
  #feed = uncounted
  #echoes = uncounted
  #up = tallyOf(uncounted)
  /** The server's counts of earlier sessions. */
  #earlier = tallyOf(uncounted)
  #sent = 0
  /** The highest number that the server has received. */
  #arrived = 0
  #opened = 0
  #resumed = 0
  #moved = 0
  #gaps = 0

  constructor(client) {
    this.#client = client
    client.on('open', ({ resumed }) => {
      this.#opened += 1
      if (resumed) {
        this.#resumed += 1
        return
      }
      // The server has lost the session and reported it, so its numbers start over.
      this.#beginAnew()
      this.#earlier = sumOf(this.#earlier, this.#up)
      this.#up = tallyOf(uncounted)
    })
    client.on('transport', () => {
      this.#moved += 1
    })
    client.on('gap', () => {
      this.#gaps += 1
      this.#beginAnew()
    })
    setInterval(() => client.state.status !== 'closed' && this.send({}), sendEveryMs)
  }

  /** Sends with the next number, whether or not there is a connection. */
  send(fields) {
    this.#client.send(JSON.stringify({ no: this.#sent + 1, ...fields }))
    this.#sent += 1
  }

  receive({ kind, id, up, last }) {
    if (kind === 'echo') {
      this.#echoes = counted(this.#echoes, id)
      this.#up = up
      this.#arrived = last
    } else this.#feed = counted(this.#feed, id)
  }

  draw() {
    this.#drawRow('down', tallyOf(this.#feed, this.#echoes))
    this.#drawRow('up', sumOf(this.#earlier, this.#up))
    const waiting = this.#sent - this.#arrived
    const begun = this.#opened - this.#resumed - 1
    const told = [
      `${waiting.toLocaleString('en')} on the way up`,
      ...said('resumed', this.#resumed),
      ...said('moved', this.#moved),
      ...said('begun anew', begun),
      ...(this.#gaps > 0 ? [`${this.#gaps} ${this.#gaps > 1 ? 'gaps' : 'gap'} reported`] : []),
    ]
    show('told', told.join(', '))
  }

  #drawRow(way, tally) {
    for (const [name, number] of Object.entries(tally)) {
      show(`${way}-${name}`, number.toLocaleString('en'))
      element(`${way}-${name}`).classList.toggle('bad', name !== 'count' && number > 0)
    }
  }

  #beginAnew() {
    this.#feed = anew(this.#feed)
    this.#echoes = anew(this.#echoes)
  }
}

const sumOf = (one, other) => Object.fromEntries(Object.entries(one).map(([name, number]) => [name, number + other[name]]))

/** A text for a count, if it is not 0. */
const said = (what, number) => (number > 0 ? [number === 1 ? `${what} once` : `${what} ${number} times`] : [])
