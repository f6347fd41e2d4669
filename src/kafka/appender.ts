import type { KafkaRecordToAppend } from './client.ts'
import type { TopicsSettings } from './topics-options.ts'
import type { Deadline } from './waiting.ts'

/** The most bytes of one batch; by default a broker refuses more than 1 MiB. */
const batchBytes = 524_288
const batchRecords = 1000

interface Waiting {
  readonly record: KafkaRecordToAppend
  readonly deadline: Deadline
  resolve(offset: number): void
  reject(error: unknown): void
}

/** Appends to one partition in the order of the calls: while a batch is being sent, the next one is collected. */
export class Appender {
  readonly #settings: TopicsSettings
  readonly #partition: number
  #waiting: Waiting[] = []
  #isAppending = false

  constructor(settings: TopicsSettings, partition: number) {
    this.#settings = settings
    this.#partition = partition
  }

  /** Resolves with Kafka's offset. After a timeout it is unknown whether the record was appended. */
  append(record: KafkaRecordToAppend, deadline: Deadline): Promise<number> {
    const appended = new Promise<number>((resolve, reject) => {
      this.#waiting.push({ record, deadline, resolve, reject })
    })
    if (!this.#isAppending) {
      this.#isAppending = true
      // Records that are appended in the same task share a batch.
      Promise.resolve()
        .then(() => this.#appendAll())
        .catch(() => {})
    }
    return deadline.within(appended)
  }

  async #appendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch()
      if (batch.length > 0) await this.#appendBatch(batch)
    }
    this.#isAppending = false
  }

  /** The next batch, without the records whose calls have timed out. */
  #nextBatch(): Waiting[] {
    this.#waiting = this.#waiting.filter(({ deadline }) => deadline.leftMs > 0)
    let bytes = 0
    let count = 0
    for (const { record } of this.#waiting) {
      bytes += record.key.length + record.value.length + 100
      if (count > 0 && (bytes > batchBytes || count === batchRecords)) break
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  async #appendBatch(batch: readonly Waiting[]): Promise<void> {
    const { client, topic } = this.#settings
    try {
      const records = batch.map(({ record }) => record)
      const first = await client.append(topic, this.#partition, records)
      for (const [index, { resolve }] of batch.entries()) resolve(first + index)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}
