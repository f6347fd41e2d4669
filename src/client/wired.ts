import type { MessageSender } from '../api/message-sender.ts'
import type { SharedConnection } from '../api/options.ts'
import type { ConnectionSharing, SharingClient, Wired } from '../api/sharing.ts'

/** Creates the sender and the connection of a client: its own, or those that tabs share. */
export function wired<Out>(client: SharingClient<Out>, shared: SharedConnection | undefined): Wired<Out> {
  if (shared) return (shared as ConnectionSharing).share(client)
  const { host, settings, port, events, connection } = client
  const sender = settings.mode.sender(port)
  return { sender, connection: connection(sender as MessageSender<unknown>, events, host) }
}
