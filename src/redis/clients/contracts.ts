/** What a script takes, and what it is sent as. */
export type Argument = string | Buffer

/** The connection (of a cluster: the connections) over which scripts are run. It reconnects by itself. */
export interface CommandClient {
  /** Runs a script that Redis has; the error's message begins with NOSCRIPT if it has not. Replies come as bytes and integers. */
  evalSha(sha: string, key: string, args: readonly Argument[]): Promise<unknown>
  evaluate(text: string, key: string, args: readonly Argument[]): Promise<unknown>
  /** Hands scripts to Redis, in a cluster to each master. */
  load(texts: readonly string[]): Promise<void>
  close(): void
}

/** The connection over which channels are subscribed to; in a cluster all channels of one call have the same slot. */
export interface SubscriberClient {
  subscribe(channels: readonly string[]): Promise<void>
  unsubscribe(channels: readonly string[]): Promise<void>
  close(): void
}

export interface ClientEvents {
  /** Called at each connection, and each time after one was lost. */
  ready(): void
  /** The connection is not there, for now. */
  lost(error: unknown): void
}

export interface SubscriberEvents extends ClientEvents {
  message(channel: string, message: Uint8Array): void
}

/** Makes connections like that of the application's client. */
export interface Connector {
  readonly isCluster: boolean
  commands(events: ClientEvents): CommandClient
  subscriber(events: SubscriberEvents): SubscriberClient
}
