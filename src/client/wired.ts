import type { MessageSender } from '../api/message-sender.ts'
import type { SharedConnection } from '../api/options.ts'
import type { ConnectionSharing, SharingClient, Wired } from '../api/sharing.ts'

/** What a client sends with, and its connection: one of its own, or one that tabs share. */
export function wired<Out>(client: SharingClient<Out>, shared: SharedConnection | undefined): Wired<Out> {
  if (shared) return (shared as ConnectionSharing).share(client)
  const { host, settings, port, events, connection } = client
  const sender = settings.mode.sender(port)
  return { sender, connection: connection(sender as MessageSender<unknown>, events, host) }
}
