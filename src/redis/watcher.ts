import { Buffer } from 'node:buffer'

/** Receives a message of the channel, or `null` when some may have been missed. */
export type Listener = (message: Buffer | null) => void

export interface Watcher {
  /** `null` once it was stopped. */
  listener: Listener | null
  /** The pending promise of `ready`. */
  pending: { resolve(): void; reject(error: Error): void; cancel(): void } | null
}

/** Settles `ready`: the watch is in force, or cannot be established now. */
export function settle(watcher: Watcher, error: Error | null): void {
  const { pending } = watcher
  watcher.pending = null
  pending?.cancel()
  if (error) pending?.reject(error)
  else pending?.resolve()
}

/** Calls the listeners of a channel, each regardless of the others' errors. */
export function callAll(watchers: Iterable<Watcher>, message: Uint8Array | null): void {
  const bytes = message && Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  for (const watcher of [...watchers]) {
    try {
      watcher.listener?.(bytes)
    } catch {
      // A listener's error concerns neither the store nor the other listeners.
    }
  }
}
