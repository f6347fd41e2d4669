import { anew, counted, tallyOf, uncounted } from './counter.js'
import { element, show } from './dom.js'

const sendEveryMs = 250

/** A session: the server's half is `steadfast/server`. */
export function sessionMode(visitor, options) {
  const { RealtimeClient } = globalThis.Steadfast
  // One URL would do. With one for each transport the server can do harm to one and leave the others in peace.
  const over = (type, more) => ({ type, url: `/realtime?visitor=${visitor}&via=${type}`, ...more })
  const client = new RealtimeClient('/realtime', {
    ...options,
    protocol: 'session',
    transports: [over('websocket'), over('sse'), over('long-poll'), over('poll', { intervalMs: 2000 })],
  })
  const tally = new SessionTally(client)
  return { client, send: (fields) => tally.send(fields), tally }
}

/** Both ways are numbered: what comes is counted here, what goes is counted by the server, which tells the count. */
class SessionTally {
  #client
  #feed = uncounted
  #echoes = uncounted
  #up = tallyOf(uncounted)
  #sent = 0
  #opened = 0
  #resumed = 0
  #moved = 0
  #gaps = 0

  constructor(client) {
    this.#client = client
    client.on('open', ({ resumed }) => {
      this.#opened += 1
      if (resumed) this.#resumed += 1
      // The server knows the session no more, and has said so: its numbers begin anew.
      else this.#beginAnew()
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

  receive({ kind, id, up }) {
    if (kind === 'echo') {
      this.#echoes = counted(this.#echoes, id)
      this.#up = up
    } else this.#feed = counted(this.#feed, id)
  }

  draw() {
    this.#drawRow('down', tallyOf(this.#feed, this.#echoes))
    this.#drawRow('up', this.#up)
    const waiting = this.#sent - this.#up.count
    const begun = this.#opened - this.#resumed - 1
    const told = [
      `${waiting.toLocaleString('en')} on the way up`,
      ...said('resumed', this.#resumed),
      ...said('moved', this.#moved),
      ...said('begun anew', begun),
      ...(this.#gaps > 0 ? [`${this.#gaps} told as a gap`] : []),
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

/** What happened, if it did. */
const said = (what, number) => (number > 0 ? [number === 1 ? `${what} once` : `${what} ${number} times`] : [])
