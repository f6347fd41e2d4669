import type { ServerHost } from '../server/node/host.ts'
import { nodeHost } from '../server/node/process-host.ts'
import type { Payload } from '../server/store/ports.ts'
import { OptionChecks } from './check-options.ts'
import type { ConsumedRecord, KafkaConsumer } from './consumer.ts'

/** The part of `RealtimeServer.publish()` that the bridge uses. */
export type Publish = (topic: string, data: Payload, options: { readonly key: string }) => Promise<unknown>

/** The options of `kafkaBridge()`. */
export interface KafkaBridgeOptions {
  /** The member of a consumer group; used by this bridge alone, which closes it: `platformaticConsumer()`. */
  readonly consumer: KafkaConsumer
  /** Publishes to a topic: `(...message) => server.publish(...message)`. */
  readonly publish: Publish
  /** Returns the topic for a record; `null` for a record that is not published. @defaultValue the record's key, as text */
  readonly toTopic?: (record: ConsumedRecord) => string | null
  /** Returns the message for a record. @defaultValue the record's value, as text */
  readonly toData?: (record: ConsumedRecord) => Payload
  /**
   * What the bridge does after a record that cannot be published, since `toTopic` or `toData` threw, or `publish` rejected it
   * with a `TypeError` or a `RangeError`. It reports the record in both cases. `'skip'` continues after it and does not read it
   * again; `'stop'` ends the bridge, and the next start reads it first.
   * @defaultValue 'skip'
   */
  readonly onBadRecord?: 'skip' | 'stop'
  /** Called for each bad record, and once per outage. @defaultValue a warning of the process */
  readonly onError?: (error: unknown) => void
}

/** The options, checked and complete. */
export interface BridgeSettings extends Required<Omit<KafkaBridgeOptions, 'onError'>> {
  readonly host: ServerHost
}

const names = ['consumer', 'publish', 'toTopic', 'toData', 'onBadRecord', 'onError']
const consumerHint =
  'a KafkaConsumer, such as platformaticConsumer(kafka, { topics, groupId, clientId, bootstrapBrokers }) returns'

/** @throws TypeError that names the option, its value, and the allowed values */
export function bridgeSettings(options: KafkaBridgeOptions): BridgeSettings {
  const checks = new OptionChecks('kafkaBridge', options, names)
  checks.port('consumer', ['start', 'commit', 'close'], consumerHint)
  checks.functionOr('publish', false)
  for (const name of ['toTopic', 'toData', 'onError']) checks.functionOr(name, true)
  return {
    consumer: options.consumer,
    publish: options.publish,
    toTopic: options.toTopic ?? (({ key }) => textOf(key)),
    toData: options.toData ?? (({ value }) => textOf(value)),
    onBadRecord: checks.oneOf('onBadRecord', ['skip', 'stop']),
    host: nodeHost(options.onError),
  }
}

function textOf(bytes: Uint8Array | null): string {
  return new TextDecoder().decode(bytes ?? new Uint8Array())
}
