import { presencePrefix, presenceTopicOf } from '../../wire/calls.ts'
import type { Subscription } from '../store/ports.ts'

/** The name under which the client knows the topic. */
export function nameOf({ as, topic }: Subscription): string {
  return as ?? topic
}

/** Whether the application has subscribed the session itself: then the client cannot end the subscription. */
export function isOfApplication({ as }: Subscription): boolean {
  return as === undefined
}

/** The same stream, as a subscription of the application: neither its client nor the end of a permission ends it. */
export function ofApplication({ stream, topic, epoch, from }: Subscription): Subscription {
  return { stream, topic, epoch, from }
}

/** Makes the client's subscriptions to these topics the application's, where one stream serves both. */
export function takenOver(list: readonly Subscription[], topics: readonly string[]): readonly Subscription[] {
  const isMeant = ({ as, topic }: Subscription) => as === topic && topics.includes(topic)
  return list.some(isMeant) ? list.map((each) => (isMeant(each) ? ofApplication(each) : each)) : list
}

/**
 * Removes the client's subscriptions to the joins and leaves of topics that the session no longer reads under that name: whatever
 * ends a subscription ends that to the presence too.
 */
export function withoutUnreadPresence(list: readonly Subscription[]): readonly Subscription[] {
  const isPresence = ({ as }: Subscription) => as?.startsWith(presencePrefix) === true
  if (!list.some(isPresence)) return list
  const key = (name: string, topic: string) => JSON.stringify([name, topic])
  const readable = new Set(list.map((each) => key(presenceTopicOf(nameOf(each)), presenceTopicOf(each.topic))))
  return list.filter((each) => !isPresence(each) || readable.has(key(nameOf(each), each.topic)))
}
