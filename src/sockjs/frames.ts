/** A frame of a SockJS server (sockjs-protocol 0.3, "Protocol and framing"). */
export type SockjsFrame =
  | { readonly type: 'open' }
  /** `isPadding`: sent at the beginning of a stream, so that a browser shows what follows. */
  | { readonly type: 'heartbeat'; readonly isPadding: boolean }
  | { readonly type: 'messages'; readonly texts: readonly string[] }
  | { readonly type: 'close'; readonly code: number; readonly reason: string }

/** The longest reason in characters, as a Close frame of RFC 6455 has it; it is kept for reports, so it must be bounded. */
const longestReason = 123

/** Reads one frame, without its line ending; `null` if it is not one. */
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
      // A single message in drafts of the protocol; some servers still send it.
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

/** Encodes texts for a WebSocket or a POST. JSON escapes lone surrogates, which UTF-8 cannot encode. */
export function written(texts: readonly string[]): string {
  return JSON.stringify(texts)
}

/** Messages are strings, but a server in another language may send a number. */
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

/** Splits a body that arrives in chunks into lines; each frame is one. */
export class FrameLines {
  #rest = ''

  /** The length of the line that is not complete yet. */
  get restLength(): number {
    return this.#rest.length
  }

  /** Takes the next chunk; returns the lines that it completes. */
  take(text: string): readonly string[] {
    const end = text.lastIndexOf('\n')
    const lines = end < 0 ? [] : (this.#rest + text.slice(0, end)).split('\n')
    this.#rest = end < 0 ? this.#rest + text : text.slice(end + 1)
    return lines
  }
}

/**
 * Undoes a server's escaping of percent signs in the data of events. sockjs-node writes each as `%25`, Spring does not escape
 * them; the first unescaped one tells which it is.
 */
export class EventData {
  #isPlain = false

  read(data: string): string {
    this.#isPlain ||= /%(?!25)/.test(data)
    return this.#isPlain ? data : data.replace(/%25/g, '%')
  }
}
