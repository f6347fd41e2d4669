import type { ClientState, EventDetails } from './events.ts'
import type { Host } from './host.ts'
import type { MessageSender, OutboxBounds, SenderPort } from './message-sender.ts'
import type { Mode } from './mode.ts'
import type { SharedConnection } from './options.ts'
import type { Received } from './protocol.ts'

/** What a client asks of its connection, whether that is its own or one that tabs share. */
export interface ClientConnection {
  readonly state: ClientState
  /** Closed, or about to be. */
  readonly isClosed: boolean
  connect(): void
  reconnect(): void
  close(code: number | undefined, reason: string, settled?: Promise<void>): void
  /** Hangs up until it is told to go on. */
  hold(isHeld: boolean): void
}

/** What a connection tells its client. */
export interface ConnectionEvents {
  raise<Type extends 'open' | 'error' | 'close' | 'transport' | 'state' | 'diagnosis' | 'gap'>(
    type: Type,
    details: EventDetails[Type],
  ): void
  onMessage(message: Received, transport: string): void
}

/** A client, as whoever shares its connection gets it. */
export interface SharingClient<Out> {
  readonly host: Host
  readonly settings: { readonly url: URL; readonly mode: Mode; readonly outbox: OutboxBounds & { readonly ttlMs: number } }
  readonly port: SenderPort<Out>
  readonly events: ConnectionEvents
  /** Prints a line where the option `debug` asks for lines. */
  note(line: string): void
  /** Makes the connection of this client's own. */
  connection(sender: MessageSender<unknown>, events: ConnectionEvents, host: Host): ClientConnection
}

/** What a client sends with, and its connection. */
export interface Wired<Out> {
  readonly sender: MessageSender<Out>
  readonly connection: ClientConnection
}

/** What the option `connection` takes, as the client knows it. */
export interface ConnectionSharing extends SharedConnection {
  share<Out>(client: SharingClient<Out>): Wired<Out>
}
