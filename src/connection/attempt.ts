import type { EventDetails } from '../api/events.ts'
import type { Host } from '../api/host.ts'
import type { Mode } from '../api/mode.ts'
import type { Preparation } from '../api/options.ts'
import type { Call, Link } from '../api/transport.ts'
import type { Endpoint } from '../client/settings.ts'
import { base64url } from '../wire/base64.ts'

/** One dial with its state. Aborting the controller ends all of it. */
export interface Attempt {
  readonly id: number
  /** A random name of the attempt, for servers that keep a ledger of attempts. */
  readonly name: string
  readonly endpoint: Endpoint
  /** The dialled URL, which `prepare()` may have changed. */
  url: URL
  readonly controller: AbortController
  readonly since: number
  preparation: Preparation
  /** The argument of `Transport.dial()`; `null` before it is called. */
  call: Call | null
  link: Link | null
  /** Whether any bytes were received, even a part of a message. */
  hasHeard: boolean
  openedAt: number | null
  /** The cursors of messages that came over another attempt while this one was connecting: it will deliver them again. */
  delivered: Set<string> | null
}

export function newAttempt(id: number, endpoint: Endpoint, host: Host): Attempt {
  return {
    id,
    name: base64url(host.randomBytes(16)),
    endpoint,
    url: endpoint.url.get(),
    since: host.now(),
    controller: new AbortController(),
    preparation: {},
    call: null,
    link: null,
    hasHeard: false,
    openedAt: null,
    delivered: null,
  }
}

/**
 * Returns the members of the `open` event for an attempt.
 * @param failures the number of rounds that failed before
 */
export function openDetails(
  { endpoint, since, openedAt }: Attempt,
  mode: Mode,
  hasCursor: boolean,
  failures: number,
): EventDetails['open'] {
  const { origin, pathname } = endpoint.url.get()
  return {
    transport: endpoint.transport.type,
    url: origin + pathname,
    resumed: mode.isResumed(endpoint.transport.type, hasCursor),
    attempt: failures,
    elapsedMs: (openedAt ?? since) - since,
    ...mode.openDetails?.(),
  }
}
