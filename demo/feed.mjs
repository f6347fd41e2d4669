/**
 * The demo's only data: one bounded log of messages, numbered from 1 without gaps. A number is a cursor for every transport,
 * and a reader can detect lost and repeated messages by counting.
 */

const instruments = [
  { name: 'Wind', unit: 'kn', middle: 17, swing: 9, digits: 1, everyMs: 420 },
  { name: 'Swell', unit: 'm', middle: 2.1, swing: 1.2, digits: 2, everyMs: 610 },
  { name: 'Tide', unit: 'm', middle: 3.4, swing: 1.6, digits: 2, everyMs: 1300 },
  { name: 'Pressure', unit: 'hPa', middle: 1009, swing: 8, digits: 1, everyMs: 1100 },
  { name: 'Sea', unit: '°C', middle: 11.5, swing: 1.5, digits: 2, everyMs: 1700 },
  { name: 'Lamp', unit: 'kcd', middle: 310, swing: 26, digits: 0, everyMs: 480 },
]

export class Feed {
  #size
  #backlog
  #log = []
  #last = 0
  #listeners = new Set()
  #timers = new Map()

  /** `size` messages are kept; a reader without a cursor begins with the newest `backlog` of them. */
  constructor({ size = 1200, backlog = 18 } = {}) {
    this.#size = size
    this.#backlog = backlog
  }

  /** The number of the newest message. */
  get last() {
    return this.#last
  }

  append(fields) {
    const id = ++this.#last
    const entry = { id, text: JSON.stringify({ id, at: Date.now(), ...fields }) }
    this.#log.push(entry)
    if (this.#log.length > this.#size) this.#log.shift()
    for (const listener of [...this.#listeners]) listener(entry)
  }

  /**
   * The cursor of a request, as a number. A cursor ahead of the log is from an earlier process, so its reader starts over
   * instead of waiting for a number that may take hours to be reached.
   */
  cursorFrom(text) {
    const digits = /^(?:W\/)?"?(\d{1,15})"?$/.exec(text ?? '')?.[1]
    const cursor = digits === undefined ? Number.POSITIVE_INFINITY : Number(digits)
    return cursor > this.#last ? Math.max(0, this.#last - this.#backlog) : cursor
  }

  /** The messages after the cursor, as far as they are still kept. */
  after(cursor) {
    const first = this.#last - this.#log.length
    return this.#log.slice(Math.max(0, cursor - first))
  }

  /** Calls `listener` with all messages after the cursor, existing and new ones. Returns a function that stops it. */
  follow(cursor, listener) {
    for (const entry of this.after(cursor)) listener(entry)
    return this.listen(listener)
  }

  /** Calls `listener` with all new messages. Returns a function that stops it. */
  listen(listener) {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Starts the instruments: together about eight readings per second. */
  start() {
    for (const instrument of instruments) {
      let value = instrument.middle
      const tick = () => {
        // A random walk with mean reversion: it looks like weather data and stays in range.
        value += (instrument.middle - value) * 0.03 + (Math.random() + Math.random() - 1) * instrument.swing * 0.16
        this.append({ kind: 'reading', name: instrument.name, unit: instrument.unit, value: value.toFixed(instrument.digits) })
        this.#timers.set(instrument, setTimeout(tick, instrument.everyMs * (0.7 + Math.random() * 0.6)))
      }
      this.#timers.set(instrument, setTimeout(tick, Math.random() * instrument.everyMs))
    }
  }

  stop() {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }
}
