export interface LogEntry {
  /** Counts from 1, without holes. */
  readonly id: number
  readonly data: string | Buffer
  readonly name: string | undefined
}

/** All messages published so far, in order; the number of the last entry is the cursor. */
export class MessageLog {
  readonly #entries: LogEntry[] = []
  readonly #followers = new Set<(entry: LogEntry) => void>()

  get cursor(): number {
    return this.#entries.length
  }

  append(data: string | Buffer, name?: string): LogEntry {
    const entry = { id: this.cursor + 1, data, name }
    this.#entries.push(entry)
    for (const follower of [...this.#followers]) follower(entry)
    return entry
  }

  after(cursor: number): readonly LogEntry[] {
    return this.#entries.slice(cursor)
  }

  /** Calls `follower` with every later entry; returns a function that stops it. */
  follow(follower: (entry: LogEntry) => void): () => void {
    this.#followers.add(follower)
    return () => void this.#followers.delete(follower)
  }
}
