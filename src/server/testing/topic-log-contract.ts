import { type ContractCase, type ContractOptions, casesOf, settled } from './contract-case.ts'
import { topicAppending } from './topic-appending.ts'
import { topicBounds } from './topic-bounds.ts'
import { topicLives } from './topic-lives.ts'
import { topicModel } from './topic-model.ts'
import { topicReading } from './topic-reading.ts'
import { type OpenedTopicLog, topicTrialOf } from './topic-trial.ts'
import { topicWatching } from './topic-watching.ts'

/**
 * The contract of a `TopicLog` as test cases: `for (const { name, run } of topicLogContract(open)) it(name, run)`. They use fresh
 * topics, and may run one after the other on one engine.
 * @param open called for each case; the case closes the log that it returns
 * @throws TypeError for an invalid option; the message names it
 */
export function topicLogContract(open: () => Promise<OpenedTopicLog>, options: ContractOptions = {}): readonly ContractCase[] {
  const settings = settled(options)
  const groups = { reading: topicReading, appending: topicAppending, watching: topicWatching }
  const more = { 'after a loss of the tail': topicLives, bounds: topicBounds, random: topicModel }
  return Object.entries({ ...groups, ...more }).flatMap(([subject, checks]) =>
    casesOf(`topics, ${subject}`, checks, open, (store) => topicTrialOf(store, settings)),
  )
}
