import type { EventDetails } from '../api/events.ts'
import type { Host } from '../api/host.ts'
import type { Mode } from '../api/mode.ts'
import type { Preparation } from '../api/options.ts'
import type { Call, Link } from '../api/transport.ts'
import type { Endpoint } from '../client/settings.ts'
import { base64url } from '../wire/base64.ts'

/** One dial with all that belongs to it. Aborting the controller ends everything of it. */
export interface Attempt {
  readonly id: number
  /** A random name for it, for servers that keep a ledger of attempts. */
  readonly name: string
  readonly endpoint: Endpoint
  /** Where it leads; `prepare()` may have changed that. */
  url: URL
  readonly controller: AbortController
  readonly since: number
  preparation: Preparation
  /** What its transport was given; `null` before. */
  call: Call | null
  link: Link | null
  /** Whether anything came, if only a part of something. */
  hasHeard: boolean
  openedAt: number | null
  /** Cursors of messages that came over another attempt while this one was on its way: it will bring them once more. */
  delivered: Set<string> | null
}

export function newAttempt(id: number, endpoint: Endpoint, host: Host): Attempt {
  return {
    ...{ id, name: base64url(host.randomBytes(16)), endpoint, url: endpoint.url, since: host.now() },
    ...{ controller: new AbortController(), preparation: {}, call: null, link: null },
    ...{ hasHeard: false, openedAt: null, delivered: null },
  }
}

/**
 * What the `open` event tells of an attempt that opened.
 * @param failures the rounds that failed before
 */
export function openDetails(
  { endpoint, since, openedAt }: Attempt,
  mode: Mode,
  hasCursor: boolean,
  failures: number,
): EventDetails['open'] {
  const { transport, url } = endpoint
  return {
    transport: transport.type,
    url: url.origin + url.pathname,
    resumed: mode.isResumed(transport.type, hasCursor),
    attempt: failures,
    elapsedMs: (openedAt ?? since) - since,
    ...mode.openDetails?.(),
  }
}
