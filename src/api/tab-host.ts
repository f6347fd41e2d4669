/** A lock over all tabs of an origin, as it was asked for. */
export interface LockEvents {
  /** It is held from now on. */
  granted(): void
  /** Another tab took it away, or it cannot be had here. */
  lost(): void
}

/** A channel to all tabs of an origin that have opened the same one. */
export interface TabChannel {
  /** Sends a structured clone to all tabs, this one included, in one order that is the same in all of them. */
  post(message: unknown): void
  close(): void
}

/** What tabs of one browser need to share something: Web Locks and a channel between them. A port, as `Host` is. */
export interface TabHost {
  /** Asks for a lock, behind all who wait for it already, or takes it from its holder at once; returns the way to give it back. */
  lock(name: string, isStealing: boolean, events: LockEvents): () => void
  /** The names of all locks that are held, over all tabs. */
  held(): Promise<readonly string[]>
  channel(name: string, heard: (message: unknown) => void): TabChannel
}
