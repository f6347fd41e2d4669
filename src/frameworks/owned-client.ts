import { traceOf } from './connection-store.ts'
import { type AnyClient, shared } from './store.ts'

/** A client, and who keeps it connected. */
export interface HeldClient {
  readonly client: AnyClient
  /** Holds it, until the function that it returns is called. */
  hold(): () => void
}

/**
 * A client as a component provides it. `isOurs`: it was made for this component, so it connects when that is mounted, unless
 * `connects` is false, and is closed when it is unmounted.
 */
export function heldClient(client: AnyClient, isOurs: boolean, connects = isOurs): HeldClient {
  const subscribe = shared(() => {
    // A loss counts from when it happened, whoever shows it and since when.
    const stop = traceOf(client).subscribe(() => {})
    if (connects) client.connect()
    return () => {
      stop()
      if (isOurs) client.close().catch(() => {})
    }
  })
  return { client, hold: () => subscribe(() => {}) }
}
