export { type KafkaBridge, kafkaBridge } from './bridge.ts'
export type { KafkaBridgeOptions, Publish } from './bridge-options.ts'
export type {
  KafkaClient,
  KafkaFetched,
  KafkaFetchRequest,
  KafkaRecord,
  KafkaRecordToAppend,
  KafkaTopicDescription,
} from './client.ts'
export type { ConsumedRecord, KafkaConsumer } from './consumer.ts'
export { partitionOfTopic } from './murmur2.ts'
export { platformaticKafka } from './platformatic.ts'
export { type PlatformaticConsumerOptions, platformaticConsumer } from './platformatic-consumer.ts'
export type { PlatformaticGroups, PlatformaticKafka, PlatformaticOptions } from './platformatic-types.ts'
export { type KafkaTopics, kafkaTopics } from './topics.ts'
export type { KafkaTopicsOptions } from './topics-options.ts'
