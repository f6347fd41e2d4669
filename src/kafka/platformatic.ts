import { Buffer } from 'node:buffer'
import { nodeHost } from '../server/node/process-host.ts'
import { OptionChecks } from './check-options.ts'
import type {
  KafkaClient,
  KafkaFetched,
  KafkaFetchRequest,
  KafkaRecord,
  KafkaRecordToAppend,
  KafkaTopicDescription,
} from './client.ts'
import { PlatformaticConnection } from './platformatic-connection.ts'
import type { FetchedPartition, PlatformaticKafka, PlatformaticOptions, RecordsBatch } from './platformatic-types.ts'

const noCommit = { isolationLevel: 'READ_UNCOMMITTED' } as const

/**
 * Creates a `KafkaClient` from `@platformatic/kafka`, imported as `import * as kafka from '@platformatic/kafka'`. Takes that
 * library's options, but sets `retries`, `idempotent` and `acks` itself. Connects when it is first used.
 * @throws TypeError for an invalid option
 */
export function platformaticKafka(kafka: PlatformaticKafka, options: PlatformaticOptions): KafkaClient {
  checkModule('platformaticKafka', kafka, ['Producer', 'Consumer'])
  return new PlatformaticClient(kafka, platformaticSettings('platformaticKafka', options))
}

export function checkModule(name: string, kafka: unknown, classes: readonly string[]): void {
  const isModule = typeof kafka === 'object' && kafka !== null
  if (isModule && classes.every((each) => typeof Reflect.get(kafka, each) === 'function')) return
  throw new TypeError(
    `${name}: the first argument must be the module, as import * as kafka from '@platformatic/kafka' has it; ${classes.join(' and ')} were not found in it.`,
  )
}

/** The library checks its own options, of which there are many. */
export function platformaticSettings(name: string, options: PlatformaticOptions): PlatformaticOptions & { timeoutMs: number } {
  const { timeoutMs, ...library } = options ?? {}
  const checks = new OptionChecks(name, options, Object.keys(options ?? {}))
  checks.id('clientId')
  checks.texts('bootstrapBrokers')
  return { ...library, timeoutMs: checks.time('timeoutMs', 3000) }
}

class PlatformaticClient implements KafkaClient {
  /** A fetch that waits at the broker blocks all other requests on its connection. */
  readonly #waiting: PlatformaticConnection<'consumer'>
  readonly #reading: PlatformaticConnection<'consumer'>
  readonly #appending: PlatformaticConnection<'producer'>

  constructor(kafka: PlatformaticKafka, { timeoutMs, ...options }: PlatformaticOptions & { timeoutMs: number }) {
    const settings = { kafka, options, timeoutMs, host: nodeHost(undefined) }
    this.#waiting = new PlatformaticConnection('consumer', settings)
    this.#reading = new PlatformaticConnection('consumer', settings)
    this.#appending = new PlatformaticConnection('producer', settings)
  }

  describe(topic: string): Promise<KafkaTopicDescription> {
    return this.#reading.run(async (consumer) => {
      const { topics } = await consumer.metadata({ topics: [topic], forceUpdate: true })
      const found = topics.get(topic)
      if (!found) throw new Error(`There is no Kafka topic '${topic}'.`)
      return { id: shortId(found.id), leaders: found.partitions.map(({ leader }) => leader) }
    })
  }

  starts(topic: string): Promise<readonly number[]> {
    return this.#offsets(topic, -2n)
  }

  ends(topic: string): Promise<readonly number[]> {
    return this.#offsets(topic, -1n)
  }

  append(topic: string, partition: number, records: readonly KafkaRecordToAppend[]): Promise<number> {
    return this.#appending.run(async (producer) => {
      const messages = records.map(({ key, value, headers }) => ({
        topic,
        partition,
        key: bufferOf(key),
        value: bufferOf(value),
        headers: new Map(headers.map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
      }))
      try {
        const { offsets = [] } = await producer.send({ messages, acks: -1, idempotent: true })
        return Number(offsets[0]?.offset)
      } catch (error) {
        if (isTooLarge(error))
          throw new RangeError(`Kafka takes no message as large as this one in '${topic}'.`, { cause: error })
        throw error
      }
    })
  }

  async fetch({ topic, topicId, leader, from, maxBytes, maxWaitMs }: KafkaFetchRequest): Promise<readonly KafkaFetched[]> {
    const connection = maxWaitMs > 0 ? this.#waiting : this.#reading
    const partitions = from.map(({ partition, offset }) => ({
      partition,
      fetchOffset: BigInt(offset),
      partitionMaxBytes: maxBytes,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
    }))
    const { responses } = await connection.run(async (consumer) => {
      // The consumer knows its brokers only after it has fetched the metadata.
      await consumer.metadata({ topics: [topic] })
      const topics = [{ topicId: longId(topicId), partitions }]
      return consumer.fetch({ node: leader, topics, maxBytes, maxWaitTime: maxWaitMs, minBytes: 1, ...noCommit })
    }, maxWaitMs)
    const offsets = new Map(from.map(({ partition, offset }) => [partition, offset]))
    return responses.flatMap((response) =>
      response.partitions.map((each) => fetchedOf(each, offsets.get(each.partitionIndex) ?? 0)),
    )
  }

  async close(): Promise<void> {
    await Promise.all([this.#waiting.close(), this.#reading.close(), this.#appending.close()])
  }

  #offsets(topic: string, timestamp: bigint): Promise<readonly number[]> {
    return this.#reading.run(async (consumer) => {
      const offsets = await consumer.listOffsets({ topics: [topic], timestamp, ...noCommit })
      return Array.from(offsets.get(topic) ?? [], Number)
    })
  }
}

function fetchedOf({ partitionIndex, records = [], logStartOffset }: FetchedPartition, from: number): KafkaFetched {
  const last = records.at(-1)
  return {
    partition: partitionIndex,
    records: records.flatMap((batch) => recordsOf(batch, from)),
    next: last ? Math.max(from, Number(last.firstOffset) + last.lastOffsetDelta + 1) : from,
    start: Number(logStartOffset),
  }
}

/** A batch may begin before the requested offset; a control batch has no records for an application. */
function recordsOf({ firstOffset, firstTimestamp, attributes, records }: RecordsBatch, from: number): KafkaRecord[] {
  if (attributes & controlBatch) return []
  const read = records.map(({ offsetDelta, timestampDelta, key, value, headers }) => ({
    offset: Number(firstOffset) + offsetDelta,
    timestamp: Number(firstTimestamp + timestampDelta),
    key,
    value,
    headers: headers.map(([name, text]) => [name.toString(), text.toString()] as const),
  }))
  return read.filter(({ offset }) => offset >= from)
}

const controlBatch = 0x20

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A UUID's 16 bytes in 22 letters. */
function shortId(uuid: string): string {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64url')
}

function longId(id: string): string {
  return Buffer.from(id, 'base64url')
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function isTooLarge(error: unknown): boolean {
  const findBy = error instanceof Error ? (Reflect.get(error, 'findBy') as unknown) : undefined
  if (typeof findBy !== 'function') return false
  return ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'].some((id) => Boolean(findBy.call(error, 'apiId', id)))
}
