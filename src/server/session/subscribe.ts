import { isOwnTopic, isSince, isTopicName } from '../../wire/calls.ts'
import type { Limits } from '../limits.ts'
import type { PrivateAppend, SessionRecord, Subscription, TopicLog } from '../store/ports.ts'
import { subscribedEntry, unsubscribedEntry } from '../store/private-entries.ts'
import { mustBeWellFormed } from '../util/option-checks.ts'
import { kindOf } from '../util/payload.ts'
import { amended } from './record.ts'
import { isOfApplication, takenOver, withoutUnreadPresence } from './subscription-list.ts'

/**
 * Where a subscription begins: after the message with this offset (`publish()` resolves with it), with all messages that the
 * topic holds, or with its last few.
 */
export type Since = number | 'start' | { readonly last: number }

/** Options of `session.subscribe()`. */
export interface SubscribeOptions {
  /**
   * Also delivers earlier messages, in order and without a hole between them and later ones. If an offset was given and the topic
   * no longer holds everything after it, the client receives a gap. An offset beyond the topic's end is of a log that was lost,
   * and is taken as `'start'`, with a gap if messages are no longer kept.
   * @defaultValue only what is published from now on
   */
  readonly since?: Since | undefined
}

/** The session whose subscriptions change. */
export interface SubscribingSession {
  readonly topics: TopicLog
  readonly limits: Limits
  /** Changes the record; resolves with whether the session exists. */
  amend(change: (record: SessionRecord) => SessionRecord): Promise<boolean>
  /** Appends to the private stream; resolves with whether the session exists. */
  append(entry: PrivateAppend): Promise<boolean>
}

/**
 * Subscribes a session to those of the topics to which the application has not subscribed it yet; resolves with whether the
 * session exists. A stream that the client has asked for under the topic's own name serves both from now on.
 */
export async function subscribe(
  session: SubscribingSession,
  topics: readonly string[],
  since: Since | undefined,
): Promise<boolean> {
  const places = await placesOf(session.topics, topics, since)
  let added: readonly Subscription[] = []
  // The streams' numbers are assigned before they are announced, and announced before the record lists them: a node that sees a
  // subscription in the record can rely on its announcement.
  const isNumbered = await session.amend((record) => {
    const known = takenOver(record.subscriptions, topics)
    const isKnown = (topic: string) => known.some((each) => isOfApplication(each) && each.topic === topic)
    added = topics.flatMap((topic, index) => {
      const place = places[index]
      return place && !isKnown(topic) ? [{ stream: 0, topic, ...place }] : []
    })
    added = added.map((subscription, index) => ({ ...subscription, stream: record.lastStream + 1 + index }))
    checkRoom(known.length + added.length, session.limits)
    return amended(record, { subscriptions: known, lastStream: record.lastStream + added.length })
  })
  if (!isNumbered || added.length === 0) return isNumbered
  for (const subscription of added) if (!(await session.append(subscribedEntry(subscription)))) return false
  let refused: readonly Subscription[] = []
  const isThere = await session.amend((record) => {
    // Another caller, or the client, may have subscribed the session to the same topic meanwhile.
    const known = takenOver(
      record.subscriptions,
      added.map(({ topic }) => topic),
    )
    const ofTopic = (topic: string) => known.find((each) => isOfApplication(each) && each.topic === topic)
    refused = added.filter(({ topic, stream }) => (ofTopic(topic)?.stream ?? stream) !== stream)
    const missing = added.filter(({ topic }) => !ofTopic(topic))
    return amended(record, { subscriptions: missing.length > 0 ? [...known, ...missing] : known })
  })
  for (const { stream } of refused) await session.append(unsubscribedEntry(stream))
  return isThere
}

/** Ends a session's subscription, if there is one; resolves with whether the session exists. */
export async function unsubscribe(session: SubscribingSession, topic: string): Promise<boolean> {
  return unsubscribeWhere(session, (each) => each.topic === topic)
}

/** Ends the subscriptions for which `isMeant` returns `true`; resolves with whether the session exists. */
export async function unsubscribeWhere(session: SubscribingSession, isMeant: (each: Subscription) => boolean): Promise<boolean> {
  return changeSubscriptions(session, (list) => list.filter((each) => !isMeant(each)))
}

/** Streams whose begin or end is in stream 0 before the record shows it. */
interface AnnouncedStreams {
  readonly begun: readonly Subscription[]
  readonly ended: readonly Subscription[]
}

/** Changes the list of subscriptions, and announces the end of those that are not in the new one. */
export async function changeSubscriptions(
  session: SubscribingSession,
  change: (list: readonly Subscription[]) => readonly Subscription[],
  { begun, ended }: AnnouncedStreams = { begun: [], ended: [] },
): Promise<boolean> {
  let over: readonly Subscription[] = []
  const isThere = await session.amend((record) => {
    const before = record.subscriptions
    const after = withoutUnreadPresence(change(before))
    const left = new Set([...after, ...ended].map(({ stream }) => stream))
    over = [...before, ...begun].filter(({ stream }) => !left.has(stream))
    const isSame = after.length === before.length && after.every((each, index) => each === before[index])
    return isSame ? record : amended(record, { subscriptions: after })
  })
  for (const { stream } of isThere ? over : []) if (!(await session.append(unsubscribedEntry(stream)))) return false
  return isThere
}

/** The positions after which the subscriptions read. */
export async function placesOf(
  log: TopicLog,
  topics: readonly string[],
  since: Since | undefined,
): Promise<readonly { readonly epoch: string; readonly from: number }[]> {
  const last = since === 'start' ? Infinity : typeof since === 'object' ? since.last : 0
  const positions = await log.tails(topics, last)
  return positions.map(({ epoch, offset }) => {
    if (typeof since !== 'number') return { epoch, from: offset }
    // An offset beyond the end is of a log that was lost: nothing in this one has been received.
    return { epoch, from: since > offset ? 0 : since }
  })
}

function checkRoom(subscriptions: number, { maxSubscriptions }: Limits): void {
  if (subscriptions > maxSubscriptions)
    throw new RangeError(`RealtimeServer: a session may have ${maxSubscriptions} subscriptions (limits.maxSubscriptions).`)
}

/** @throws TypeError for a value that is no position in a topic */
export function checkSince(since: unknown): asserts since is Since | undefined {
  if (isSince(since)) return
  throw new TypeError(
    `RealtimeServer: session.subscribe() takes \`since\` as an offset, 'start', or { last: n }; it was ${kindOf(since)}.`,
  )
}

/** @throws TypeError for a value that cannot be the name of a topic */
export function checkTopic(topic: unknown, name: string): asserts topic is string {
  if (!isTopicName(topic))
    throw new TypeError(`RealtimeServer: ${name}() takes a topic of 1 to 1,024 characters; it was ${kindOf(topic)}.`)
  mustBeWellFormed(topic, `the topic of ${name}()`)
}

/** @throws TypeError for a topic to which an application may not publish */
export function checkPublished(topic: unknown, name: string): asserts topic is string {
  checkTopic(topic, name)
  if (isOwnTopic(topic))
    throw new TypeError(
      `RealtimeServer: ${name}() takes no topic that begins with 'presence:', 'node ' or 'answers ', to which only the server publishes; it was ${JSON.stringify(topic.slice(0, 99))}.`,
    )
}
