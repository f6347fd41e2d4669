import { isSince, isTopicName } from '../wire/calls.ts'
import { RequestError } from '../wire/request-error.ts'
import type { AllowedPublication, AllowedSubscription } from './application.ts'

/**
 * Reads the result of `onSubscribe`.
 * @throws RequestError if it refuses, and TypeError if it is invalid, as in `steadfast/server`
 */
export function allowedSubscription(name: string, verdict: unknown): AllowedSubscription {
  const { topic, since, expiresAt }: { readonly [Key in keyof AllowedSubscription]?: unknown } = allowed(
    verdict,
    `subscribing to ${JSON.stringify(name)} (onSubscribe)`,
  )
  if (topic !== undefined && !isTopicName(topic)) throw invalid('onSubscribe', 'topic', 'a name of 1 to 1,024 characters')
  if (!isSince(since)) throw invalid('onSubscribe', 'since', "an offset, 'start', or { last: n }")
  if (expiresAt !== undefined && !(typeof expiresAt === 'number' && expiresAt >= 0))
    throw invalid('onSubscribe', 'expiresAt', 'milliseconds since 1970')
  return {
    ...(topic !== undefined && { topic }),
    ...(since !== undefined && { since }),
    ...(expiresAt !== undefined && { expiresAt }),
  }
}

/**
 * Reads the result of `onPublish`.
 * @throws RequestError if it refuses, and TypeError if it is invalid, as in `steadfast/server`
 */
export function allowedPublication<In>(name: string, verdict: unknown): AllowedPublication<In> {
  const given: AllowedPublication<In> = allowed(verdict, `publishing to ${JSON.stringify(name)} (onPublish)`)
  const { topic }: { readonly topic?: unknown } = given
  if (topic !== undefined && !isTopicName(topic)) throw invalid('onPublish', 'topic', 'a name of 1 to 1,024 characters')
  return given
}

function allowed(verdict: unknown, what: string): object {
  if (verdict === true) return {}
  if (typeof verdict === 'object' && verdict !== null) return verdict
  throw new RequestError('forbidden', `The server does not allow ${what}.`)
}

function invalid(handler: string, name: string, valid: string): TypeError {
  return new TypeError(`FakeServer: ${handler}() returns \`${name}\` as ${valid}.`)
}
