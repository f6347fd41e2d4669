import { presenceTopicOf, type ReadPlace, type Subscribed } from '../../wire/calls.ts'
import { RequestError } from '../../wire/request-error.ts'
import type { SessionRecord, Subscription } from '../store/ports.ts'
import { subscribedEntry, unsubscribedEntry } from '../store/private-entries.ts'
import { amended } from './record.ts'
import { changeSubscriptions, placesOf, type Since, type SubscribingSession, unsubscribeWhere } from './subscribe.ts'
import { isOfApplication, nameOf, ofApplication } from './subscription-list.ts'

/** A client's subscription, as the application allows it. */
export interface ClientSubscription {
  /** The client's name for the topic. */
  readonly name: string
  readonly topic: string
  readonly since?: Since | undefined
  /** The client's position in the topic, after which it misses nothing, and the newest stream of the topic that it knows. */
  readonly after?: ReadPlace | undefined
  /** By the store's clock. */
  readonly until?: number | undefined
}

/**
 * Subscribes a session to a topic under its client's name for it, in place of an earlier subscription of that name. It calls
 * `announced` after the new stream's entry in stream 0 and before the stream's first message: what `announced` appends to stream
 * 0 arrives between the two. Resolves with whether the session exists.
 *
 * If the application itself has subscribed the session to the topic under that name, one stream serves both, and the subscription
 * remains the application's. Its stream is replaced only if the client needs earlier messages.
 */
export async function subscribeClient(
  session: SubscribingSession,
  asked: ClientSubscription,
  announced: (subscribed: Subscribed) => Promise<void>,
): Promise<boolean> {
  const { name, topic, since, after, until } = asked
  const place = await placeOf(session, topic, since)
  const end = since === undefined ? place : await placeOf(session, topic, undefined)
  const { epoch } = end
  let from = 0
  const choose = ({ subscriptions, epoch: life }: SessionRecord): Opening | null => {
    const known = (after?.life === life && after.stream) || 0
    const earlier = subscriptions.filter((each) => each.topic === topic && nameOf(each) === name)
    const given = earlier.find(isOfApplication)
    const replaced = subscriptions.filter((each) => each.as === name || each === given)
    from = beginOf(place.from, end, after)
    // A client that does not know an earlier stream has received nothing of it yet: the new one continues where that begins.
    for (const each of earlier) {
      if (each.stream > known) from = Math.min(from, each.epoch === epoch ? each.from : 0)
    }
    if (given && replaced.length === 1 && since === undefined && isServed(after, given)) return null
    const permission = given ? {} : { as: name, ...(until !== undefined && { until }) }
    return { subscription: { stream: 0, topic, epoch, from, ...permission }, replaced }
  }
  return openStream(session, choose, () => announced({ epoch, from, at: place.from, tail: end.from }))
}

/** Whether a stream holds everything after the client's position. */
function isServed(after: ReadPlace | undefined, { epoch, from }: Subscription): boolean {
  return !after || (after.epoch === epoch && after.offset >= from)
}

/** The topic whose members a client wants to know. */
export interface AskedMembers {
  /** The client's name for the topic. */
  readonly name: string
  readonly topic: string
  /** By the store's clock. */
  readonly now: number
}

/**
 * Subscribes a session to the joins and leaves of a topic that it reads. A stream that it reads already is kept: another page of
 * the session may not have received all of it. `announced` reads the list of members after the stream has begun.
 * @throws RequestError if the session does not read the topic
 */
export async function subscribeToMembers(
  session: SubscribingSession,
  { name, topic, now }: AskedMembers,
  announced: () => Promise<void>,
): Promise<boolean> {
  const presence = { topic: presenceTopicOf(topic), as: presenceTopicOf(name) }
  const { epoch, from } = await placeOf(session, presence.topic, undefined)
  const choose = ({ subscriptions }: SessionRecord): Opening | null => {
    if (readTopic(subscriptions, name, now) !== topic) throw notSubscribed(name)
    if (subscriptions.some((each) => each.topic === presence.topic && nameOf(each) === presence.as)) return null
    const replaced = subscriptions.filter((each) => each.as === presence.as)
    return { subscription: { stream: 0, epoch, from, ...presence }, replaced }
  }
  return openStream(session, choose, announced)
}

/**
 * The topic that a session reads under a name, preferably the one that `onSubscribe` gave it; `undefined` if it reads none, or no
 * longer may.
 */
export function readTopic(subscriptions: readonly Subscription[], name: string, now: number): string | undefined {
  const readable = subscriptions.filter((each) => nameOf(each) === name && (each.until ?? Infinity) > now)
  return (readable.find((each) => !isOfApplication(each)) ?? readable[0])?.topic
}

export function notSubscribed(name: string): RequestError {
  return new RequestError('forbidden', `The session is not subscribed to ${JSON.stringify(name)}, so it may not see its members.`)
}

/** A stream to begin, whose number is not assigned yet, and those that it replaces. */
interface Opening {
  readonly subscription: Subscription
  readonly replaced: readonly Subscription[]
}

/** Begins the stream that `choose` returns, if it returns one. `announced` is called after the stream's entry in stream 0. */
async function openStream(
  session: SubscribingSession,
  choose: (record: SessionRecord) => Opening | null,
  announced: () => Promise<void>,
): Promise<boolean> {
  const { maxSubscriptions } = session.limits
  let opening = null as Opening | null
  const isNumbered = await session.amend((record) => {
    opening = choose(record)
    if (!opening) return record
    if (record.subscriptions.length - opening.replaced.length >= maxSubscriptions)
      throw new RequestError('forbidden', `A session may have ${maxSubscriptions} subscriptions.`)
    const lastStream = record.lastStream + 1
    opening = { ...opening, subscription: { ...opening.subscription, stream: lastStream } }
    return amended(record, { lastStream })
  })
  if (!isNumbered) return false
  for (const { stream } of opening?.replaced ?? []) if (!(await session.append(unsubscribedEntry(stream)))) return false
  if (opening && !(await session.append(subscribedEntry(opening.subscription)))) return false
  await announced()
  const opened = opening
  if (!opened) return true
  return changeSubscriptions(session, (list) => withOpened(list, opened), {
    begun: [opened.subscription],
    ended: opened.replaced,
  })
}

/** The list with the new stream. The application may have changed it since the stream's number was assigned. */
function withOpened(list: readonly Subscription[], { subscription, replaced }: Opening): readonly Subscription[] {
  // An earlier write of this change succeeded, and the node did not learn it.
  if (list.some(({ stream }) => stream === subscription.stream)) return list
  const isReplaced = (each: Subscription) => replaced.some(({ stream }) => stream === each.stream)
  const others = list.filter((each) => !isReplaced(each) && (isOfApplication(each) || each.as !== nameOf(subscription)))
  // The subscription was ended meanwhile, and so is its new stream: a client that still may subscribe does so again.
  if (list.filter(isReplaced).length < replaced.length) return others
  if (list.some((each) => isReplaced(each) && isOfApplication(each))) return [...others, ofApplication(subscription)]
  const given = others.find(
    (each) => isOfApplication(each) && each.topic === subscription.topic && each.topic === subscription.as,
  )
  if (!given) return [...others, subscription]
  // One stream serves both: the one that begins earlier.
  if (given.epoch === subscription.epoch && given.from <= subscription.from) return others
  return [...others.filter((each) => each !== given), ofApplication(subscription)]
}

/** Ends the client's subscriptions of these names; resolves with whether the session exists. */
export function unsubscribeClient(session: SubscribingSession, names: readonly string[]): Promise<boolean> {
  return unsubscribeWhere(session, ({ as }) => as !== undefined && names.includes(as))
}

/** A session as one node knows it. */
interface KnownSession {
  readonly node: { readonly host: { report(error: unknown): void } }
  readonly known: SessionRecord | null
  readonly handle: { readonly subscribing: SubscribingSession }
}

/** Ends expired subscriptions; returns in how many milliseconds the next one expires. */
export function expireSubscriptions(session: KnownSession, now: number): number {
  const subscriptions = session.known?.subscriptions ?? []
  const until = subscriptions.reduce((first, each) => Math.min(first, each.until ?? Infinity), Infinity)
  if (until > now) return until - now
  unsubscribeWhere(session.handle.subscribing, (each) => (each.until ?? Infinity) <= now).catch((error) =>
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
  if (!place) throw new Error('RealtimeServer: tails() of the option topics returned no position for a topic.')
  return place
}

/** The position from which the client reads: its own, if that is earlier; the start if its offset is of another epoch. */
function beginOf(at: number, end: Begin, after: ReadPlace | undefined): number {
  if (!after) return at
  return after.epoch === end.epoch ? Math.min(at, after.offset) : 0
}
