import type { ServerHost } from '../server/node/host.ts'
import { nodeHost } from '../server/node/process-host.ts'
import { OptionChecks } from './check-options.ts'
import type { KafkaClient } from './client.ts'

/** The options of `kafkaTopics()`. */
export interface KafkaTopicsOptions {
  /** The client, used by this log alone, which closes it: `platformaticKafka()`, or an adapter to another library. */
  readonly client: KafkaClient
  /**
   * The Kafka topic that holds all topics of the application. It must exist, with `cleanup.policy=delete` (by time or size, not
   * compacted), and its number of partitions must not change while servers run.
   */
  readonly topic: string
  /** Timeout of a call, in milliseconds; it then rejects. A broker outage that is shorter goes unnoticed. @defaultValue 3000 */
  readonly timeoutMs?: number
  /**
   * Size of the cache of the newest messages, in bytes, each message with 160 bytes of overhead. Older reads fetch from Kafka.
   * @defaultValue 67_108_864 (64 MiB)
   */
  readonly maxBytes?: number
  /**
   * Bytes of a partition that one read fetches at most to find messages not in memory; a reader further behind gets a gap.
   * @defaultValue 16_777_216 (16 MiB)
   */
  readonly scanBytes?: number
  /**
   * Newest messages, over all partitions, that a starting node reads to learn append keys and topics' ends.
   * @defaultValue 10_000
   */
  readonly warmUpMessages?: number
  /**
   * How long the key of an append is remembered, in milliseconds, by the records' timestamps; at least 120,000.
   * @defaultValue 300_000 (5 minutes)
   */
  readonly keyWindowMs?: number
  /** Called once per outage, with an error whose `cause` is the client's. @defaultValue a warning of the process */
  readonly onError?: (error: unknown) => void
}

/** The options, checked and complete. */
export interface TopicsSettings extends Required<Omit<KafkaTopicsOptions, 'onError'>> {
  readonly host: ServerHost
}

const names = ['client', 'topic', 'timeoutMs', 'maxBytes', 'scanBytes', 'warmUpMessages', 'keyWindowMs', 'onError']
const clientMethods = ['describe', 'starts', 'ends', 'append', 'fetch', 'close']
const clientHint = 'a KafkaClient, such as platformaticKafka(kafka, { clientId, bootstrapBrokers }) returns'

/** @throws TypeError that names the option, its value, and the allowed values */
export function topicsSettings(options: KafkaTopicsOptions): TopicsSettings {
  const checks = new OptionChecks('kafkaTopics', options, names)
  checks.port('client', clientMethods, clientHint)
  checks.functionOr('onError', true)
  return {
    client: options.client,
    topic: checks.kafkaTopic('topic'),
    timeoutMs: checks.time('timeoutMs', 3000),
    maxBytes: checks.count('maxBytes', 67_108_864),
    scanBytes: checks.count('scanBytes', 16_777_216),
    warmUpMessages: checks.count('warmUpMessages', 10_000, 0),
    keyWindowMs: checks.time('keyWindowMs', 300_000, 120_000),
    host: nodeHost(options.onError),
  }
}
