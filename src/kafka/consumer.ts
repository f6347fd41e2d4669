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
   * Starts reading after the group's committed offsets, and passes each record to `handle`, a partition's in order, the next once
   * the previous promise has resolved: so it never reads past its own buffer. A rejection of `handle` ends the reading.
   * @returns a promise that resolves after `close()`, and rejects if the cluster cannot be read
   */
  start(handle: (record: ConsumedRecord) => Promise<void>): Promise<void>
  /** Commits the offset of this record, and of all before it, for its partition. */
  commit(record: ConsumedRecord): Promise<void>
  /** Ends the reading and closes all connections; `handle` is not called any more. May be called in any state, and repeatedly. */
  close(): Promise<void>
}
