/** A frame of a SockJS server (sockjs-protocol 0.3, "Protocol and framing"). */
export type SockjsFrame =
  | { readonly type: 'open' }
  /** `isPadding`: what a stream begins with, so that a browser shows what comes behind it. */
  | { readonly type: 'heartbeat'; readonly isPadding: boolean }
  | { readonly type: 'messages'; readonly texts: readonly string[] }
  | { readonly type: 'close'; readonly code: number; readonly reason: string }

/** A Close frame of RFC 6455 has no room for a longer one, and what comes from a network is kept for reports. */
const longestReason = 123

/** Reads one frame, without the end of its line; `null` for what is none. */
export function frameOf(text: string): SockjsFrame | null {
  const content = text.slice(1)
  switch (text[0]) {
    case 'o':
      return { type: 'open' }
    case 'h':
      return { type: 'heartbeat', isPadding: content !== '' }
    case 'a': {
      const list = parsed(content)
      return Array.isArray(list) ? { type: 'messages', texts: list.map(textOf) } : null
    }
    case 'm': {
      // How the drafts of the protocol wrote a single message; some servers still do.
      const message = parsed(content)
      return message === undefined ? null : { type: 'messages', texts: [textOf(message)] }
    }
    case 'c': {
      const list = parsed(content)
      const [code, reason]: readonly unknown[] = Array.isArray(list) ? list : []
      const isClose = typeof code === 'number' && Number.isInteger(code) && code >= 1000 && code < 5000
      return isClose ? { type: 'close', code, reason: typeof reason === 'string' ? reason.slice(0, longestReason) : '' } : null
    }
    default:
      return null
  }
}

/** Texts as a client sends them, over a WebSocket and in a POST alike. JSON escapes surrogates without a partner, which UTF-8 cannot write. */
export function written(texts: readonly string[]): string {
  return JSON.stringify(texts)
}

/** Messages are texts; a server of another language may have sent a number. */
function textOf(message: unknown): string {
  return typeof message === 'string' ? message : JSON.stringify(message)
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** The lines of a body that comes in pieces: each frame is one. */
export class FrameLines {
  #rest = ''

  /** The length of the line that has not ended yet. */
  get restLength(): number {
    return this.#rest.length
  }

  /** Takes the text that came next; returns the lines that it ends. */
  take(text: string): readonly string[] {
    const end = text.lastIndexOf('\n')
    const lines = end < 0 ? [] : (this.#rest + text.slice(0, end)).split('\n')
    this.#rest = end < 0 ? this.#rest + text : text.slice(end + 1)
    return lines
  }
}

/**
 * Undoes what a server did to the percent signs of an event's data. sockjs-node writes each of them as `%25`, Spring leaves them as they
 * are; the first that stands for itself tells which of the two it is.
 */
export class EventData {
  #isPlain = false

  read(data: string): string {
    this.#isPlain ||= /%(?!25)/.test(data)
    return this.#isPlain ? data : data.replace(/%25/g, '%')
  }
}
