import { isWellFormed } from '../../util/well-formed.ts'
import { type ClientCall, isOwnTopic, presenceTopicOf, type Subscribed } from '../../wire/calls.ts'
import { RequestError } from '../../wire/request-error.ts'
import type { HandledSession } from '../session/handled-session.ts'
import type { Incoming } from '../session/record.ts'
import { checkPublished, checkSince, checkTopic, type Since } from '../session/subscribe.ts'
import { notSubscribed, readTopic, subscribeClient, subscribeToMembers, unsubscribeClient } from '../session/subscribe-client.ts'
import { kindOf } from '../util/payload.ts'
import { append, errorAnswer } from './answer.ts'
import { dataIn } from './call-data.ts'

/** A client's call about a topic. */
export type TopicCall = Extract<ClientCall, { readonly topic: string }>

type Asked<Type extends 'subscribe' | 'publish'> = Extract<TopicCall, { readonly type: Type }>

/**
 * Executes a client's call about a topic, as far as the application allows it, and answers. Resolves with the offset of the
 * answer in stream 0; 0 if there is none, `null` if the session has ended.
 * @throws StoreUnavailableError, after which the call is handled again
 */
export async function handleTopicCall(session: HandledSession, message: Incoming, call: TopicCall): Promise<number | null> {
  const { n } = message
  try {
    switch (call.type) {
      case 'subscribe':
        return await onSubscribe(session, n, call)
      case 'unsubscribe':
        await unsubscribeClient(session.handle.subscribing, [call.topic, presenceTopicOf(call.topic)])
        return 0
      case 'members':
        return await onMembers(session, n, call)
      case 'publish':
        return await append(session, { type: 'reply', to: n, value: await publish(session, n, call) })
    }
  } catch (error) {
    return append(
      session,
      errorAnswer(n, error, (each) => session.node.host.report(each)),
    )
  }
}

async function onSubscribe(session: HandledSession, n: number, call: Asked<'subscribe'>): Promise<number | null> {
  const { node, handle } = session
  const { topic: name, since, after, params } = call
  const verdict: unknown = isForPages(name) && (await node.handlers.onSubscribe?.(handle, name, params))
  const allowed = verdict === true ? {} : verdict
  if (typeof allowed !== 'object' || allowed === null)
    throw new RequestError('forbidden', `The server does not allow subscribing to ${JSON.stringify(name)} (onSubscribe).`)
  const { topic = name, since: given = since, expiresAt = Infinity } = allowedTopic(allowed)
  const until = expiresAt === Infinity ? undefined : node.sessions.now() + (expiresAt - node.host.now())
  let offset: number | null = null
  await subscribeClient(handle.subscribing, { name, topic, since: given, after, until }, async (subscribed: Subscribed) => {
    offset = await append(session, { type: 'reply', to: n, value: subscribed })
  })
  return offset
}

/** Answers with the members of a subscribed topic, and subscribes the client to their joins and leaves. */
async function onMembers(
  session: HandledSession,
  n: number,
  { topic: name }: { readonly topic: string },
): Promise<number | null> {
  const { node, record } = session
  const now = node.sessions.now()
  const topic = readTopic(record.subscriptions, name, now)
  if (topic === undefined) throw notSubscribed(name)
  let offset: number | null = null
  await subscribeToMembers(session.handle.subscribing, { name, topic, now }, async () => {
    const members = await node.presence.members(topic)
    offset = await append(session, { type: 'reply', to: n, value: members })
  })
  return offset
}

/** Resolves with the offset in the topic. */
async function publish(session: HandledSession, n: number, call: Asked<'publish'>): Promise<number> {
  const { id, node, handle, record } = session
  const { topic: name } = call
  const data = dataIn(call, node.settings)
  const verdict: unknown = isForPages(name) && (await node.handlers.onPublish?.(handle, name, data))
  if (verdict !== true && (typeof verdict !== 'object' || verdict === null))
    throw new RequestError('forbidden', `The server does not allow publishing to ${JSON.stringify(name)} (onPublish).`)
  const known = record.subscriptions.find(({ as }) => as === name)?.topic ?? name
  const given: { readonly topic?: unknown; readonly data?: unknown } = verdict === true ? {} : verdict
  const { topic = known } = given
  checkPublished(topic, 'onPublish')
  // With this key it is published once, however often the handler runs.
  return session.node.publish(topic, 'data' in given ? given.data : data, { key: `${id}.${record.epoch}.${n}` })
}

/** Whether the application may allow it to a page: not the server's own topics, and no name that a store could not keep. */
function isForPages(name: string): boolean {
  return !isOwnTopic(name) && isWellFormed(name)
}

function allowedTopic(verdict: object): { readonly topic?: string; readonly since?: Since; readonly expiresAt?: number } {
  const { topic, since, expiresAt }: { readonly topic?: unknown; readonly since?: unknown; readonly expiresAt?: unknown } =
    verdict
  if (topic !== undefined) checkTopic(topic, 'onSubscribe')
  checkSince(since)
  if (expiresAt !== undefined && !(typeof expiresAt === 'number' && expiresAt >= 0))
    throw new TypeError(
      `RealtimeServer: onSubscribe() returns \`expiresAt\` as milliseconds since 1970; it was ${kindOf(expiresAt)}.`,
    )
  return {
    ...(topic !== undefined && { topic }),
    ...(since !== undefined && { since }),
    ...(expiresAt !== undefined && { expiresAt }),
  }
}
