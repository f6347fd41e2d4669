/** The callbacks of a request for a lock over all tabs of an origin. */
export interface LockEvents {
  /** The lock was granted. */
  granted(): void
  /** Another tab stole the lock, or it cannot be acquired here. */
  lost(): void
}

/** A channel between all tabs of an origin that have opened the same name. */
export interface TabChannel {
  /** Sends a structured clone to all tabs, including this one; all tabs receive the messages in the same order. */
  post(message: unknown): void
  close(): void
}

/** The port for sharing between the tabs of a browser: Web Locks and a channel, as `Host` is for the rest of the platform. */
export interface TabHost {
  /** Requests a lock, behind earlier requests, or steals it at once (`isStealing`); returns a function that releases it. */
  lock(name: string, isStealing: boolean, events: LockEvents): () => void
  /** Returns the names of all locks that are held in any tab. */
  held(): Promise<readonly string[]>
  channel(name: string, heard: (message: unknown) => void): TabChannel
}
