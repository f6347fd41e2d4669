/** A record to append to a partition. */
export interface KafkaRecordToAppend {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** A record of a partition. Its bytes may be part of a larger buffer. */
export interface KafkaRecord {
  readonly offset: number
  /** Milliseconds since 1970, by the clock of the producer or of the broker, as the Kafka topic is configured. */
  readonly timestamp: number
  /** A client need not distinguish `null` from an empty value. */
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** The current description of a Kafka topic. */
export interface KafkaTopicDescription {
  /** At most 24 letters, digits, `-` and `_`; changes when the topic is deleted and created anew. */
  readonly id: string
  /**
   * The leading broker of each partition. Partitions with the same leader are fetched in one request, others in parallel; a
   * client that does not know leaders returns the same number for all.
   */
  readonly leaders: readonly number[]
}

export interface KafkaFetchRequest {
  readonly topic: string
  /** The id that `describe()` returned: a topic that has another id by now must not be read. */
  readonly topicId: string
  readonly leader: number
  /** The offset from which to read each partition. */
  readonly from: readonly { readonly partition: number; readonly offset: number }[]
  /** Approximate number of bytes to return, per partition and in total; at least one record, however large. */
  readonly maxBytes: number
  /**
   * How long to wait for a first record, in milliseconds. A request that waits must not delay one that does not: they need
   * separate connections.
   */
  readonly maxWaitMs: number
}

export interface KafkaFetched {
  readonly partition: number
  /** In order, without control records and records of aborted transactions; none before the requested offset. */
  readonly records: readonly KafkaRecord[]
  /** The offset from which to continue: after the last record, and after those that were left out. */
  readonly next: number
  /** The lowest offset in the partition; it rises with retention and with deleted records. */
  readonly start: number
}

/**
 * A Kafka client for one `kafkaTopics()` log alone: `platformaticKafka()` implements it with `@platformatic/kafka`. Another
 * library can be adapted if it reads partitions from given offsets without a consumer group.
 *
 * Every call settles within the client's own timeout, whether the cluster answers or not, and after a rejection the next call
 * starts over: it reconnects and looks up the leaders again.
 */
export interface KafkaClient {
  /** Rejects if there is no such topic. */
  describe(topic: string): Promise<KafkaTopicDescription>
  /** The lowest offset of each partition. */
  starts(topic: string): Promise<readonly number[]>
  /** The high watermark of each partition: all acknowledged records are below it. */
  ends(topic: string): Promise<readonly number[]>
  /**
   * Appends in order, as one batch; resolves with the first record's offset once all in-sync replicas have it (`acks=all`).
   * Retries within the client must not append twice. The next batch for a partition follows once this call has settled.
   * @throws RangeError, as a rejection, if the broker refuses the batch for its size
   */
  append(topic: string, partition: number, records: readonly KafkaRecordToAppend[]): Promise<number>
  /** Rejects as a whole if a partition cannot be read from its offset, or if the topic's id has changed. */
  fetch(request: KafkaFetchRequest): Promise<readonly KafkaFetched[]>
  /** Closes all connections. Pending calls then reject. */
  close(): Promise<void>
}
