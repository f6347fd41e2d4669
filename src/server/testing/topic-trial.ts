import { ok } from 'node:assert/strict'
import type { AppendOptions, Payload, Position, Stored, TopicLog, TopicNews } from '../store/ports.ts'
import type { Check, ContractSettings, OpenedStore } from './contract-case.ts'
import { freshName } from './random.ts'
import { everything, readAll } from './readings.ts'

/** A `TopicLog` under test, opened for one case. */
export interface OpenedTopicLog extends OpenedStore<TopicLog> {
  /** Options of `append()` that the log does not support; their cases check nothing. */
  readonly unsupported?: readonly (keyof AppendOptions)[]
}

/** The context of one case's checks. */
export interface TopicTrial extends ContractSettings {
  readonly store: OpenedTopicLog
  readonly one: TopicLog
  readonly other: TopicLog
  /** A topic that was never used. */
  readonly topic: string
}

export type TopicCheck = Check<TopicTrial>

export function topicTrialOf(store: OpenedTopicLog, settings: ContractSettings): TopicTrial {
  return { ...settings, store, one: store.nodes[0], other: store.nodes[1], topic: freshName('topic') }
}

/** The end of one topic. */
export async function endOf(log: TopicLog, topic: string, last?: number): Promise<Position> {
  const [position, ...others] = await log.tails([topic], ...(last === undefined ? [] : [last]))
  ok(position && others.length === 0, 'tails() returns one position for one topic')
  return position
}

/** Appends messages, one after the other. */
export async function fill(log: TopicLog, topic: string, data: readonly Payload[], options?: AppendOptions): Promise<Stored[]> {
  const stored: Stored[] = []
  for (const each of data) stored.push({ offset: await log.append(topic, each, options), data: each })
  return stored
}

export function textsOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `message ${index + 1}`)
}

export function readTopic(log: TopicLog, topic: string, after: number, limits = everything): Promise<Stored[]> {
  return readAll((position, within) => log.readAfter(topic, position, within), after, limits)
}

export interface Heard {
  readonly news: (TopicNews | null)[]
  stop(): void
}

/** Watches a topic; resolves when the watch is in force. */
export async function listen(log: TopicLog, topic: string): Promise<Heard> {
  const news: (TopicNews | null)[] = []
  const watch = log.watch(topic, (each) => news.push(each))
  await watch.ready
  return { news, stop: () => watch.stop() }
}

/** Whether this offset, or a missed announcement, was announced. */
export function hasHeard({ news }: Heard, offset: number): boolean {
  return news.some((each) => each === null || each.offset >= offset)
}
