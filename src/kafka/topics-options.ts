import type { ServerHost } from '../server/node/host.ts'
import { nodeHost } from '../server/node/process-host.ts'
import { OptionChecks } from './check-options.ts'
import type { KafkaClient } from './client.ts'

/** The options of `kafkaTopics()`. */
export interface KafkaTopicsOptions {
  /** The client, for this log alone, which closes it: `platformaticKafka()`, or one that was adapted to `KafkaClient`. */
  readonly client: KafkaClient
  /**
   * The Kafka topic that holds all topics of the application. It must exist, be deleted by time or size and not be compacted, and its
   * number of partitions must not change while servers run.
   */
  readonly topic: string
  /** How long a call may take, in milliseconds, before it rejects. A broker that is back before then is not noticed. @defaultValue 3000 */
  readonly timeoutMs?: number
  /**
   * How many bytes of the newest messages are kept in memory, each counted with 160 more than its own. Reads that go further back fetch
   * from Kafka. @defaultValue 67_108_864 (64 MiB)
   */
  readonly maxBytes?: number
  /**
   * How many bytes of a partition one read fetches at most to find messages of its topic that are not in memory. A reader further
   * behind than that meets a gap. @defaultValue 16_777_216 (16 MiB)
   */
  readonly scanBytes?: number
  /**
   * How many of the newest messages, over all partitions, are read into memory when the node starts. Keys of idempotent appends and the
   * ends of topics are known from them on. @defaultValue 10_000
   */
  readonly warmUpMessages?: number
  /**
   * For how long the key of an append is kept in mind, in milliseconds, by the timestamps of the records; 120,000 at least.
   * @defaultValue 300_000 (5 minutes)
   */
  readonly keyWindowMs?: number
  /** Is called once for each outage, with an error whose `cause` is the client's. @defaultValue a warning of the process */
  readonly onError?: (error: unknown) => void
}

/** The options, checked and complete. */
export interface TopicsSettings extends Required<Omit<KafkaTopicsOptions, 'onError'>> {
  readonly host: ServerHost
}

const names = ['client', 'topic', 'timeoutMs', 'maxBytes', 'scanBytes', 'warmUpMessages', 'keyWindowMs', 'onError']
const clientMethods = ['describe', 'starts', 'ends', 'append', 'fetch', 'close']
const clientHint = 'a KafkaClient, such as platformaticKafka(kafka, { clientId, bootstrapBrokers }) returns'

/** @throws TypeError that names the option, what it was, and what it may be */
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
