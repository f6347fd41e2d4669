/**
 * The reconnect delays of other clients in an outage, from their sources: each function creates the schedule of one client,
 * which returns one delay after another, in milliseconds, the first one for the loss itself.
 *
 * @typedef {() => number} Schedule
 * @type {Record<string, (random: () => number) => Schedule>}
 */
export const schedules = {
  /** 1 s × 2^n ± 50 %, at most 5 s. */
  'socket.io 4.8': (random) => {
    let attempt = 0
    return () => {
      const base = 1_000 * 2 ** attempt
      attempt += 1
      const drawn = random()
      const deviation = Math.floor(drawn * 0.5 * base)
      const isShorter = (Math.floor(drawn * 10) & 1) === 0
      return Math.min(isShorter ? base - deviation : base + deviation, 5_000)
    }
  },
  /** A draw of 1 to 5 s, once per page, × 1.3^n, at most 10 s. */
  'reconnecting-websocket 4.4': (random) => growing(1_000 + random() * 4_000, 1.3, 10_000),
  /** 500 ms + a draw of up to 500 ms × 2^n, at most 20 s. */
  'centrifuge 5.8': (random) => {
    const windows = growing(500, 2, 20_000)
    return () => Math.min(20_000, 500 + Math.floor(random() * (windows() + 1)))
  },
  /** 3 s × 1.3^n, at most 10 s. */
  'partysocket 1.3': () => growing(3_000, 1.3, 10_000),
  /** 0, 2, 10, 30 s, then it gives up. */
  'SignalR 10': () => listed([0, 2_000, 10_000, 30_000], Number.POSITIVE_INFINITY),
  /** The reconnect delay of Chromium. */
  EventSource: () => () => 3_000,
  'phoenix 1.8': () => listed([10, 50, 100, 150, 200, 250, 500, 1_000, 2_000], 5_000),
}

/** @param {number} first @param {number} factor @param {number} most @returns {Schedule} */
function growing(first, factor, most) {
  let next = first
  return () => {
    const wait = Math.min(next, most)
    next *= factor
    return wait
  }
}

/** @param {number[]} waits @param {number} last @returns {Schedule} */
function listed(waits, last) {
  let attempt = 0
  return () => {
    attempt += 1
    return waits[attempt - 1] ?? last
  }
}
