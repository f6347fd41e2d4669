import { Buffer } from 'node:buffer'

/** What a watcher is called with: a message of its channel, or `null` when some may have been missed. */
export type Listener = (message: Buffer | null) => void

export interface Watcher {
  /** `null` once it has been stopped. */
  listener: Listener | null
  /** Who waits for the watch to be in force. */
  pending: { resolve(): void; reject(error: Error): void; cancel(): void } | null
}

/** The watch is in force, or cannot be established now. */
export function settle(watcher: Watcher, error: Error | null): void {
  const { pending } = watcher
  watcher.pending = null
  pending?.cancel()
  if (error) pending?.reject(error)
  else pending?.resolve()
}

/** Calls the listeners of a channel, each whatever the others throw. */
export function callAll(watchers: Iterable<Watcher>, message: Uint8Array | null): void {
  const bytes = message && Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  for (const watcher of [...watchers]) {
    try {
      watcher.listener?.(bytes)
    } catch {
      // The error of a listener concerns neither the store nor the other listeners.
    }
  }
}
