import type { Subscribed, TopicPlace } from '../../wire/calls.ts'
import { RequestError } from '../../wire/request-error.ts'
import type { SessionRecord, Subscription } from '../store/ports.ts'
import { subscribedEntry, unsubscribedEntry } from '../store/private-entries.ts'
import { amended } from './record.ts'
import { placesOf, type Since, type SubscribingSession, unsubscribeWhere } from './subscribe.ts'

/** A client's subscription, as the application allows it. */
export interface ClientSubscription {
  /** The client's name for the topic. */
  readonly name: string
  readonly topic: string
  readonly since?: Since | undefined
  /** The client's position in the topic: it misses nothing after it. */
  readonly after?: TopicPlace | undefined
  /** By the store's clock. */
  readonly until?: number | undefined
}

/**
 * Subscribes a session to a topic under its client's name for it, in place of an earlier subscription of that name. It calls
 * `announced` after the new stream's entry in stream 0 and before the stream's first message: what `announced` appends to stream
 * 0 arrives between the two. Resolves with whether the session exists.
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
    // A subscription by the application stays as it is.
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

/** Ends the client's subscriptions of these names; resolves with whether the session exists. */
export function unsubscribeClient(session: SubscribingSession, names: readonly string[]): Promise<boolean> {
  return unsubscribeWhere(session, ({ as }) => as !== undefined && names.includes(as))
}

/** A session as one node knows it. */
interface KnownSession {
  readonly node: { readonly host: { report(error: unknown): void } }
  readonly known: SessionRecord | null
  readonly subscribing: SubscribingSession
}

/** Ends expired subscriptions; returns in how many milliseconds the next one expires. */
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

/** The position from which the client reads: its own, if that is earlier; the start if its offset is of another epoch. */
function beginOf(at: number, end: Begin, after: TopicPlace | undefined): number {
  if (!after) return at
  return after.epoch === end.epoch ? Math.min(at, after.offset) : 0
}
