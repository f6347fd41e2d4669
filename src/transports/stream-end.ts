/**
 * Whether an event stream ends between two events (HTML, "Parsing an event stream"): behind an empty line or a comment. Only the
 * beginnings of its last lines are looked at, so that long ones cost nothing.
 */
export class StreamEnd {
  /** The first character of the line that has not ended yet. */
  #begun = ''
  /** The first character of the last line that has; '' for an empty one. */
  #last = ''
  #endsWithReturn = false

  get isCutOff(): boolean {
    return this.#begun !== '' || !['', ':'].includes(this.#last)
  }

  take(chunk: string): void {
    // A line's end may come in two chunks.
    const text = this.#endsWithReturn && chunk.startsWith('\n') ? chunk.slice(1) : chunk
    this.#endsWithReturn = chunk.endsWith('\r') || (this.#endsWithReturn && !chunk)
    const end = lineEnd(text, text.length)
    if (end < 0) {
      this.#begun ||= text.charAt(0)
      return
    }
    const isTwo = text[end] === '\n' && text[end - 1] === '\r'
    const length = isTwo ? end - 1 : end
    const start = lineEnd(text, length) + 1
    this.#last = (start === 0 && this.#begun) || text.slice(start, length).charAt(0)
    this.#begun = text.charAt(end + 1)
  }
}

/** Where the last line before an index ends; -1 where none does. */
function lineEnd(text: string, before: number): number {
  return before > 0 ? Math.max(text.lastIndexOf('\n', before - 1), text.lastIndexOf('\r', before - 1)) : -1
}
