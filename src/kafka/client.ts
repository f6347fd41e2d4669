/** A record that is to be appended to a partition. */
export interface KafkaRecordToAppend {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** A record as it lies in a partition. Its bytes may be a part of a larger buffer. */
export interface KafkaRecord {
  readonly offset: number
  /** Milliseconds since 1970, by the clock of the producer or of the broker, as the Kafka topic is configured. */
  readonly timestamp: number
  /** `null` and no bytes may be told apart or not. */
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** A Kafka topic as the cluster knows it now. */
export interface KafkaTopicDescription {
  /** At most 24 letters, digits, `-` and `_`: another one when the topic was deleted and created anew. */
  readonly id: string
  /**
   * The broker that leads each partition. Partitions with the same leader are fetched in one request, those with different ones side by
   * side; a client that does not know leaders returns the same number for all.
   */
  readonly leaders: readonly number[]
}

export interface KafkaFetchRequest {
  readonly topic: string
  /** The id that `describe()` returned: a topic that has another one now must not be read. */
  readonly topicId: string
  readonly leader: number
  /** From which offset on to read each partition. */
  readonly from: readonly { readonly partition: number; readonly offset: number }[]
  /** About how many bytes to return, of a partition and in all; at least one record, however large. */
  readonly maxBytes: number
  /**
   * How long to wait for a first record, in milliseconds. A request that waits must not hold up one that does not: they need connections
   * of their own.
   */
  readonly maxWaitMs: number
}

export interface KafkaFetched {
  readonly partition: number
  /** In order, without records of aborted transactions or control records; none before the offset that was asked for. */
  readonly records: readonly KafkaRecord[]
  /** The offset from which to read on: behind the last of the records, and behind what was left out. */
  readonly next: number
  /** The lowest offset that the partition holds; it rises with retention and with deleted records. */
  readonly start: number
}

/**
 * What `kafkaTopics()` needs of a Kafka client, for one log alone: `platformaticKafka()` implements it with `@platformatic/kafka`. A
 * client of another library can be adapted if it reads partitions from given offsets without a consumer group.
 *
 * Every call settles within the client's own time limit, whether the cluster answers or not, and after a rejection the next call begins
 * anew: it connects again and asks again who leads.
 */
export interface KafkaClient {
  /** Rejects if there is no such topic. */
  describe(topic: string): Promise<KafkaTopicDescription>
  /** The lowest offset that each partition holds. */
  starts(topic: string): Promise<readonly number[]>
  /** The high watermark of each partition: all acknowledged records are below. */
  ends(topic: string): Promise<readonly number[]>
  /**
   * Appends in order, as one batch, and resolves with the offset of the first record once all in-sync replicas have them (`acks=all`).
   * Retries within the client must not append twice. The next batch for a partition is given only when this call has settled.
   * @throws RangeError, as a rejection, where the broker refuses the batch for its size
   */
  append(topic: string, partition: number, records: readonly KafkaRecordToAppend[]): Promise<number>
  /** Rejects as a whole if a partition cannot be read from its offset, or if the topic's id is another. */
  fetch(request: KafkaFetchRequest): Promise<readonly KafkaFetched[]>
  /** Closes all connections. Calls that are pending then reject. */
  close(): Promise<void>
}
