/** A longer id is none that could be sent back. */
const longestId = 2 ** 16

/**
 * The ids of an event stream's blocks that have no data: they move the cursor (HTML, "Interpreting an event stream"), but are no
 * events, so the parser does not tell of them.
 */
export class SilentIds {
  /** The beginning of the line that has not ended yet. */
  #rest = ''
  #id: string | undefined
  #hasData = false

  /** Takes the text that came next; returns the last such id in it, unless an event with an id of its own came after it. */
  take(chunk: string): string | undefined {
    let found: string | undefined
    // A return at the end may be the first half of a line's end.
    const half = chunk.endsWith('\r') ? '\r' : ''
    const lines = (this.#rest + (half ? chunk.slice(0, -1) : chunk)).split(/\r\n|\r|\n/)
    const last = lines.pop() ?? ''
    for (const line of lines) {
      const [field, value = ''] = /^(id|data)(?::|$) ?(.*)/s.exec(line)?.slice(1) ?? []
      if (line === '') {
        if (this.#id !== undefined) found = this.#hasData ? undefined : this.#id
        this.#id = undefined
        this.#hasData = false
      } else if (field === 'data') this.#hasData = true
      else if (field === 'id' && !value.includes('\0')) this.#id = value
    }
    this.#rest = last.slice(0, last.startsWith('id') ? longestId : 8) + half
    return found
  }
}
