import { traceOf } from './connection-store.ts'
import { type AnyClient, shared } from './store.ts'

/** A client, and how a component keeps it connected. */
export interface HeldClient {
  readonly client: AnyClient
  /** Holds the client until the returned function is called. */
  hold(): () => void
}

/**
 * A client as a component provides it. `isOurs`: it was created for this component, so it connects when the component is mounted
 * (unless `connects` is false), and is closed when the component is unmounted.
 */
export function heldClient(client: AnyClient, isOurs: boolean, connects = isOurs): HeldClient {
  const subscribe = shared(() => {
    // A loss counts from when it happened, even if a component that shows it is mounted later.
    const stop = traceOf(client).subscribe(() => {})
    if (connects) client.connect()
    return () => {
      stop()
      if (isOurs) client.close().catch(() => {})
    }
  })
  return {
    client,
    hold() {
      const release = subscribe(() => {})
      // Frameworks unmount a component before those below it, whose requests must be aborted before the client is closed.
      return () => queueMicrotask(release)
    },
  }
}
