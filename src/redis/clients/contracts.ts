/** An argument of a script, as it is sent. */
export type Argument = string | Buffer

/** The connection (for a cluster: the connections) on which scripts run. It reconnects by itself. */
export interface CommandClient {
  /** Runs a script that Redis has cached; otherwise the error's message begins with NOSCRIPT. Replies are bytes and integers. */
  evalSha(sha: string, key: string, args: readonly Argument[]): Promise<unknown>
  evaluate(text: string, key: string, args: readonly Argument[]): Promise<unknown>
  /** Loads scripts into Redis, in a cluster into each master. */
  load(texts: readonly string[]): Promise<void>
  close(): void
}

/** The connection for channel subscriptions; in a cluster all channels of one call have the same slot. */
export interface SubscriberClient {
  subscribe(channels: readonly string[]): Promise<void>
  unsubscribe(channels: readonly string[]): Promise<void>
  close(): void
}

export interface ClientEvents {
  /** Called at each connect and each reconnect. */
  ready(): void
  /** The connection is lost, for now. */
  lost(error: unknown): void
}

export interface SubscriberEvents extends ClientEvents {
  message(channel: string, message: Uint8Array): void
}

/** Opens connections with the settings of the application's client. */
export interface Connector {
  readonly isCluster: boolean
  /** What the application's client puts before each key. Its connections here do not: no client puts it before a channel. */
  readonly keyPrefix: string
  commands(events: ClientEvents): CommandClient
  subscriber(events: SubscriberEvents): SubscriberClient
}
