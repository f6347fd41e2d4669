/** How many of the numbered messages arrived, were lost, repeated or reordered. */
export interface TallyReport {
  readonly taken: number
  readonly lost: number
  readonly repeated: number
  readonly outOfOrder: number
  /** Messages that were never sent. */
  readonly unknown: number
  /** Descriptions of the first few messages that were not the expected one. */
  readonly faults: readonly string[]
}

/** Checks each message that arrives against what was sent. */
export interface Tally {
  /** The number of the next message. */
  readonly due: number
  /** Checks a message that has arrived; `mayRepeat`: it was marked as redelivered. */
  take(data: string | ArrayBuffer, mayRepeat?: boolean): void
  /** The report on the first `count` messages. */
  report(count: number): TallyReport
}

export interface Traffic {
  /** The n-th message, from 1: text or bytes, 1 B to 64 KiB. Kind, size and bytes are derived from the seed and the number. */
  message(seed: number, n: number): string | ArrayBuffer
  tally(seed: number): Tally
}

/**
 * Generates the same messages in a page as in Node. It uses nothing from outside, so that it can be passed to a page.
 *
 * Half of them are bytes. Sizes are spread evenly over the powers of two, so that small messages are as frequent as large ones.
 */
export function makeTraffic(): Traffic {
  const poolLength = 131_072
  const maxBytes = 65_536
  // Characters that are special in lines, JSON or base64. None is outside the BMP, since texts may be cut at any code unit.
  const signs = ['a', 'Z', '0', ' ', '"', '\\', '\n', '\r', '\t', ':', ',', '{', ']', '~', '.', '\0', 'ü', '\u2028']

  /** A number in [0, 1) derived from the arguments only (the finalizer of MurmurHash3). */
  const chance = (seed: number, n: number, use: number) => {
    let mixed = (seed ^ Math.imul(n, 0x9e3779b1) ^ Math.imul(use, 0x85ebca6b)) >>> 0
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
  }
  const pool = Uint8Array.from({ length: poolLength }, (_, index) => chance(7, index, 1) * 256)
  // Mostly letters, as in natural text.
  const text = Array.from(pool, (byte) => signs[byte % 64] ?? String.fromCharCode(97 + (byte % 26))).join('')

  const message = (seed: number, n: number) => {
    const isText = chance(seed, n, 2) < 0.5
    const size = Math.floor(2 ** (chance(seed, n, 3) * 16.0001))
    const from = Math.floor(chance(seed, n, 4) * maxBytes)
    if (!isText) {
      const data = pool.slice(from, from + size)
      if (size >= 4) new DataView(data.buffer).setUint32(0, n)
      return data.buffer
    }
    // Some characters are two or three bytes long.
    const head = size >= 16 ? `${n}🙂` : ''
    return head + text.slice(from, from + Math.ceil((size - head.length) * 0.9))
  }
  const isSame = (one: string | ArrayBuffer, other: string | ArrayBuffer) => {
    if (typeof one === 'string' || typeof other === 'string') return one === other
    if (one.byteLength !== other.byteLength) return false
    const bytes = new Uint8Array(one)
    return new Uint8Array(other).every((byte, index) => byte === bytes[index])
  }
  const shown = (data: string | ArrayBuffer) =>
    typeof data === 'string' ? `${data.length} characters ${JSON.stringify(data.slice(0, 20))}` : `${data.byteLength} bytes`

  const tally = (seed: number) => {
    const missing = new Set<number>()
    const faults: string[] = []
    const counts = { repeated: 0, outOfOrder: 0, unknown: 0 }
    let due = 1
    let isAgain = 0
    const fault = (words: string) => {
      if (faults.length < 10) faults.push(words)
    }
    /** The number of this message, searched outwards from the next one. */
    const numberOf = (data: string | ArrayBuffer) => {
      for (let away = 0; away < 20_000; away += 1) {
        if (isSame(data, message(seed, due + away))) return due + away
        if (due - away > 0 && isSame(data, message(seed, due - away))) return due - away
      }
      return 0
    }
    return {
      get due() {
        return due
      },
      take(data: string | ArrayBuffer, mayRepeat = false) {
        if (isAgain === 0 && isSame(data, message(seed, due))) {
          due += 1
          return
        }
        // After a node died in a handler, messages are redelivered from some number on, in order.
        if (mayRepeat && isAgain > 0 && isSame(data, message(seed, isAgain))) {
          isAgain = isAgain + 1 === due ? 0 : isAgain + 1
          return
        }
        const n = numberOf(data)
        if (mayRepeat && n > 0 && n < due) {
          isAgain = n + 1 === due ? 0 : n + 1
          return
        }
        isAgain = 0
        if (n === due) {
          due += 1
          return
        }
        fault(`${due} was due, and there came ${n === 0 ? `what nobody sent: ${shown(data)}` : n}`)
        if (n === 0) counts.unknown += 1
        else if (n < due) counts[missing.delete(n) ? 'outOfOrder' : 'repeated'] += 1
        else {
          for (let each = due; each < n; each += 1) missing.add(each)
          due = n + 1
        }
      },
      report: (count: number) => ({
        taken: due - 1 - missing.size,
        lost: missing.size + count - (due - 1),
        ...counts,
        faults,
      }),
    }
  }
  return { message, tally }
}

/** The report when no message was lost, repeated or out of order. */
export function wholeReport(count: number): TallyReport {
  return { taken: count, lost: 0, repeated: 0, outOfOrder: 0, unknown: 0, faults: [] }
}
