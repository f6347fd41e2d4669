import type { KafkaRecord } from './client.ts'

/** A record that a consumer has read. */
export interface ConsumedRecord extends KafkaRecord {
  /** The Kafka topic. */
  readonly topic: string
  readonly partition: number
}

/**
 * What `kafkaBridge()` needs of a Kafka client: a member of a consumer group that reads the application's Kafka topics, for one bridge
 * alone. `platformaticConsumer()` implements it with `@platformatic/kafka`. It must not commit by itself.
 */
export interface KafkaConsumer {
  /**
   * Begins to read behind what was committed for its group, and hands over each record, those of a partition in order, the next only once
   * the promise of the one before has resolved: so it reads no further ahead than its own buffer. A rejection of `handle` ends the reading.
   * @returns a promise that settles when the reading has ended: it resolves after `close()`, and rejects if the cluster cannot be read
   */
  start(handle: (record: ConsumedRecord) => Promise<void>): Promise<void>
  /** Commits that everything up to this record was handled, for its partition. */
  commit(record: ConsumedRecord): Promise<void>
  /** Ends the reading and closes all connections; no record is handed over any more. May be called in any state, and again. */
  close(): Promise<void>
}
