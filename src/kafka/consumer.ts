import type { KafkaRecord } from './client.ts'

/** A record that a consumer has read. */
export interface ConsumedRecord extends KafkaRecord {
  /** The Kafka topic. */
  readonly topic: string
  readonly partition: number
}

/**
 * The port of `kafkaBridge()` to a Kafka client: a member of a consumer group that reads the application's Kafka topics, for one
 * bridge alone. `platformaticConsumer()` implements it with `@platformatic/kafka`. It must not commit by itself.
 */
export interface KafkaConsumer {
  /**
   * Starts reading after the group's committed offsets, and passes each record to `handle`, those of a partition in order, the
   * next only after the promise of the one before has resolved: so it reads ahead no further than its own buffer. A rejection of
   * `handle` ends the reading.
   * @returns a promise that settles when the reading has ended: it resolves after `close()`, and rejects if the cluster cannot be
   * read
   */
  start(handle: (record: ConsumedRecord) => Promise<void>): Promise<void>
  /** Commits the offset of this record, and of all before it, for its partition. */
  commit(record: ConsumedRecord): Promise<void>
  /** Ends the reading and closes all connections; `handle` is not called any more. May be called in any state, and repeatedly. */
  close(): Promise<void>
}
