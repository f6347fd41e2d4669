export type {
  KafkaClient,
  KafkaFetched,
  KafkaFetchRequest,
  KafkaRecord,
  KafkaRecordToAppend,
  KafkaTopicDescription,
} from './client.ts'
export { partitionOfTopic } from './murmur2.ts'
export { platformaticKafka } from './platformatic.ts'
export type { PlatformaticKafka, PlatformaticOptions } from './platformatic-types.ts'
export { type KafkaTopics, kafkaTopics } from './topics.ts'
export type { KafkaTopicsOptions } from './topics-options.ts'
