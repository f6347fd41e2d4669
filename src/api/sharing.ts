import type { ClientState, EventDetails } from './events.ts'
import type { Host } from './host.ts'
import type { MessageSender, OutboxBounds, SenderPort } from './message-sender.ts'
import type { Mode } from './mode.ts'
import type { SharedConnection } from './options.ts'
import type { Received } from './protocol.ts'

/** The connection of a client: its own, or one that tabs share. */
export interface ClientConnection {
  readonly state: ClientState
  /** Whether the connection is closed, or a `close()` is pending. */
  readonly isClosed: boolean
  connect(): void
  reconnect(): void
  close(code: number | undefined, reason: string, settled?: Promise<void>): void
  /** Disconnects (`isHeld`), or connects again. */
  hold(isHeld: boolean): void
}

/** The callbacks of a connection to its client. */
export interface ConnectionEvents {
  raise<Type extends 'open' | 'error' | 'close' | 'transport' | 'state' | 'diagnosis' | 'gap'>(
    type: Type,
    details: EventDetails[Type],
  ): void
  onMessage(message: Received, transport: string): void
}

/** A client, as it is passed to `ConnectionSharing.share()`. */
export interface SharingClient<Out> {
  readonly host: Host
  readonly settings: {
    readonly url: { get(): URL }
    readonly mode: Mode
    readonly outbox: OutboxBounds & { readonly ttlMs: number }
  }
  readonly port: SenderPort<Out>
  readonly events: ConnectionEvents
  /** Prints a line through the option `debug`. */
  note(line: string): void
  /** Creates this client's own connection. */
  connection(sender: MessageSender<unknown>, events: ConnectionEvents, host: Host): ClientConnection
}

/** The sender and the connection of a client. */
export interface Wired<Out> {
  readonly sender: MessageSender<Out>
  readonly connection: ClientConnection
}

/** The value of the option `connection`, with the member that only the client uses. */
export interface ConnectionSharing extends SharedConnection {
  share<Out>(client: SharingClient<Out>): Wired<Out>
}
