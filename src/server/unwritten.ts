/** So much may be sent to a reader that has not been written to its carrier yet, before whoever sends is to wait. */
const highWaterBytes = 1_048_576

/**
 * What was sent to one session from this node and has not been written to any attachment yet: back-pressure for whoever sends.
 * Of a session without an attachment there is none: what is sent to it waits in the log, for which nobody need wait.
 */
export class Unwritten {
  #offsets: number[] = []
  #sizes: number[] = []
  #head = 0
  #bytes = 0
  #waiters: (() => void)[] = []

  get bytes(): number {
    return this.#bytes
  }

  add(offset: number, bytes: number): void {
    this.#offsets.push(offset)
    this.#sizes.push(bytes)
    this.#bytes += bytes
  }

  /** Everything up to an offset was written, or its reader is gone (`Infinity`). */
  written(through: number): void {
    let head = this.#head
    for (let offset = this.#offsets[head]; offset !== undefined && offset <= through; offset = this.#offsets[head]) {
      this.#bytes -= this.#sizes[head] ?? 0
      head += 1
    }
    this.#head = head
    if (head * 2 > this.#offsets.length) this.#cut()
    if (this.#bytes <= highWaterBytes / 2) for (const resolve of this.#waiters.splice(0)) resolve()
  }

  /** Resolves when there is room again; `null` while there is. */
  room(): Promise<void> | null {
    if (this.#bytes <= highWaterBytes) return null
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  /** Taking from the front of a long array one by one would be quadratic. */
  #cut(): void {
    this.#offsets = this.#offsets.slice(this.#head)
    this.#sizes = this.#sizes.slice(this.#head)
    this.#head = 0
  }
}
