/** The options of `platformaticKafka()`. */

export interface PlatformaticOptions {
  readonly clientId: string
  /** As `'host:port'`. */
  readonly bootstrapBrokers: readonly string[]
  /** Timeout of a call, in milliseconds; then its connections are closed and it rejects. @defaultValue 3000 */
  readonly timeoutMs?: number
  /** The library's other options, such as `tls` and `sasl`. */
  readonly [option: string]: unknown
}

/** The used part of `@platformatic/kafka` 1 and 2, whose methods have several signatures, of which one is declared here. */
export interface PlatformaticKafka {
  readonly Producer: new (options: never) => PlatformaticProducer
  readonly Consumer: new (options: never) => PlatformaticConsumer
}

/** The common part of a producer and a consumer. */
export interface PlatformaticBase {
  on(event: string, listener: (argument: ConnectionEvent) => void): unknown
  close(): Promise<void>
}

export interface PlatformaticProducer extends PlatformaticBase {
  send(options: {
    messages: {
      topic: string
      partition: number
      key: Buffer
      value: Buffer
      headers: Map<Buffer, Buffer>
    }[]
    acks: number
    idempotent: boolean
  }): Promise<{ offsets?: { offset: bigint }[] }>
}

export interface PlatformaticConsumer extends PlatformaticBase {
  metadata(options: { topics: string[]; forceUpdate?: boolean }): Promise<{
    topics: Map<string, { id: string; partitions: { leader: number }[] }>
  }>
  listOffsets(options: {
    topics: string[]
    timestamp: bigint
    isolationLevel: 'READ_UNCOMMITTED'
  }): Promise<Map<string, bigint[]>>
  fetch(options: {
    node: number
    topics: {
      topicId: string
      partitions: {
        partition: number
        currentLeaderEpoch: number
        fetchOffset: bigint
        lastFetchedEpoch: number
        partitionMaxBytes: number
      }[]
    }[]
    maxBytes: number
    maxWaitTime: number
    minBytes: number
    isolationLevel: 'READ_UNCOMMITTED'
  }): Promise<{ responses: { partitions: FetchedPartition[] }[] }>
}

/** The part of the module for consumer groups. */
export interface PlatformaticGroups {
  readonly Consumer: new (options: never) => PlatformaticMember
}

export interface PlatformaticMember extends PlatformaticBase {
  consume(options: {
    topics: string[]
    mode: 'committed'
    fallbackMode: 'earliest' | 'latest'
    autocommit: false
  }): Promise<AsyncIterable<PlatformaticMessage> & { destroy(): unknown }>
}

export interface PlatformaticMessage {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: bigint
  readonly key: Buffer
  readonly value: Buffer
  readonly headers: ReadonlyMap<Buffer, Buffer>
  commit(): void | Promise<void>
}

export interface FetchedPartition {
  readonly partitionIndex: number
  readonly logStartOffset: bigint
  readonly records?: RecordsBatch[]
}

export interface RecordsBatch {
  readonly firstOffset: bigint
  readonly firstTimestamp: bigint
  readonly lastOffsetDelta: number
  readonly attributes: number
  readonly records: readonly {
    readonly offsetDelta: number
    readonly timestampDelta: bigint
    readonly key: Buffer
    readonly value: Buffer
    readonly headers: readonly [Buffer, Buffer][]
  }[]
}

/** The argument of connection events. */
export interface ConnectionEvent {
  readonly connection: { readonly socket: { destroy(): void; once(event: string, listener: () => void): void } }
}
