import type { Subscribed, TopicPlace } from '../../wire/calls.ts'
import { RequestError } from '../../wire/request-error.ts'
import type { SessionRecord, Subscription } from '../store/ports.ts'
import { subscribedEntry, unsubscribedEntry } from '../store/private-entries.ts'
import { amended } from './record.ts'
import { placesOf, type Since, type SubscribingSession, unsubscribeWhere } from './subscribe.ts'

/** What a client has asked for, as the application allows it. */
export interface ClientSubscription {
  /** What the client calls the topic. */
  readonly name: string
  readonly topic: string
  readonly since?: Since | undefined
  /** What the client has of the topic: nothing behind it is left out. */
  readonly after?: TopicPlace | undefined
  /** By the store's clock. */
  readonly until?: number | undefined
}

/**
 * Subscribes a session to a topic under the name that its client uses, in the place of an earlier subscription of that name. `announced` is
 * called when the client is about to learn of the new stream, and before it receives the first message of it: what `announced` appends to
 * stream 0 comes between the two. Resolves with whether the session is there.
 */
export async function subscribeClient(
  session: SubscribingSession,
  asked: ClientSubscription,
  announced: (subscribed: Subscribed) => Promise<void>,
): Promise<boolean> {
  const { name, topic, since, after, until } = asked
  const place = await placeOf(session, topic, since)
  const end = since === undefined ? place : await placeOf(session, topic, undefined)
  const places = { epoch: end.epoch, from: beginOf(place.from, end, after), at: place.from, tail: end.from }
  const { epoch, from } = places
  let subscription: Subscription = { stream: 0, topic, epoch, from, as: name, ...(until !== undefined && { until }) }
  let replaced: readonly Subscription[] = []
  let isOwn = true
  const isNumbered = await session.amend((record) => {
    // What the application has subscribed the session to stays as it is.
    isOwn = record.subscriptions.every((each) => each.as !== undefined || each.topic !== name)
    if (!isOwn) return record
    replaced = record.subscriptions.filter((each) => each.as === name)
    if (record.subscriptions.length - replaced.length >= session.limits.maxSubscriptions)
      throw new RequestError('forbidden', `A session may have ${session.limits.maxSubscriptions} subscriptions.`)
    subscription = { ...subscription, stream: record.lastStream + 1 }
    return amended(record, { lastStream: record.lastStream + 1 })
  })
  if (!isNumbered) return false
  if (isOwn) {
    for (const { stream } of replaced) if (!(await session.append(unsubscribedEntry(stream)))) return false
    if (!(await session.append(subscribedEntry(subscription)))) return false
  }
  await announced(places)
  if (!isOwn) return true
  return session.amend((record) =>
    amended(record, { subscriptions: [...record.subscriptions.filter((each) => each.as !== name), subscription] }),
  )
}

/** Ends what the client has subscribed to under these names; resolves with whether the session is there. */
export function unsubscribeClient(session: SubscribingSession, names: readonly string[]): Promise<boolean> {
  return unsubscribeWhere(session, ({ as }) => as !== undefined && names.includes(as))
}

/** A session as one node knows it. */
interface KnownSession {
  readonly node: { readonly host: { report(error: unknown): void } }
  readonly known: SessionRecord | null
  readonly subscribing: SubscribingSession
}

/** Ends the subscriptions that the application allowed until now; returns in how many milliseconds the next one is to end. */
export function expireSubscriptions(session: KnownSession, now: number): number {
  const subscriptions = session.known?.subscriptions ?? []
  const until = subscriptions.reduce((first, each) => Math.min(first, each.until ?? Infinity), Infinity)
  if (until > now) return until - now
  unsubscribeWhere(session.subscribing, (each) => (each.until ?? Infinity) <= now).catch((error) =>
    session.node.host.report(error),
  )
  return Infinity
}

interface Begin {
  readonly epoch: string
  readonly from: number
}

async function placeOf({ topics }: SubscribingSession, topic: string, since: Since | undefined): Promise<Begin> {
  const [place] = await placesOf(topics, [topic], since)
  if (!place) throw new Error('RealtimeServer: the log has not said where the topic ends.')
  return place
}

/** Where the client reads from: no later than where it is. Offsets of another epoch mean nothing: then it reads all that there is. */
function beginOf(at: number, end: Begin, after: TopicPlace | undefined): number {
  if (!after) return at
  return after.epoch === end.epoch ? Math.min(at, after.offset) : 0
}
