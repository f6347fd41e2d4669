import type { FollowUp, Ledger, Outcome } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import { textOfBody } from '../transports/body.ts'
import { withoutUser, withQuery } from '../transports/request-url.ts'
import { essenceOf } from '../util/http-fields.ts'
import { within } from '../util/within.ts'
import { countOf, textOf } from '../wire/readers.ts'
import { spaceOf } from './local-network.ts'

/** The time limit, long because nothing waits for the answers; a request that takes longer is `silent`, which is a finding. */
const limitMs = 5000
/** The time limit of the permission query, which browsers answer at once. */
const permissionMs = 1000
/** The largest ledger, in bytes. */
const ledgerBytes = 2 ** 16

/** The attempt that the questions are about. */
export interface Subject {
  /** The URL of the attempt, http or https. */
  readonly url: URL
  /** In a session: the attempt's name in the server's ledger (docs/PROTOCOL.md, rule 15). */
  readonly attempt?: string
  readonly credentials: RequestCredentials
}

/**
 * Finds out by plain HTTP what a failed connection does not reveal: whether the page may read a response from the same URL,
 * whether anything answers there at all, whether it redirects, and whether the page's own origin can be reached. All requests are
 * concurrent, go to no other hosts and are not repeated. Never rejects.
 */
export async function followUp({ url, attempt, credentials }: Subject, host: Host, signal: AbortSignal): Promise<FollowUp> {
  const controller = new AbortController()
  const stop = () => controller.abort()
  const cancelLimit = host.after(limitMs, stop)
  signal.addEventListener('abort', stop, { once: true })
  const since = host.now()
  const { pageOrigin } = host
  const elsewhere = pageOrigin?.startsWith('http') && pageOrigin !== url.origin && pageOrigin
  const place = withoutUser(url)
  // Sent without cookies, so that the response is readable from any origin.
  const address = attempt ? withQuery(place, { diagnose: attempt }) : place
  try {
    const [answer, opaque, redirect, page] = await Promise.all([
      ask(address, { redirect: 'error', credentials: attempt ? 'omit' : credentials }).then(async (asked) => ({
        ...asked,
        elapsedMs: Math.round(host.now() - since),
        ...(asked.response && (await contentOf(asked.response, !!attempt, controller.signal))),
      })),
      ask(place, { mode: 'no-cors' }),
      ask(place, { redirect: 'manual', credentials }),
      elsewhere ? ask(new URL(elsewhere), {}) : { outcome: 'none' as const },
    ])
    const { outcome, response: _, ...content } = answer
    const isAnswered = outcome === 'answered' || opaque.outcome === 'answered'
    // Queried last, since the requests above may have prompted the user.
    const localAccess = !isAnswered && elsewhere ? await localAccessOf(url, new URL(elsewhere), host) : undefined
    return {
      readable: outcome,
      ...content,
      opaque: opaque.outcome,
      isRedirect: redirect.response?.type === 'opaqueredirect',
      page: page.outcome,
      ...(localAccess && { localAccess }),
    }
  } finally {
    cancelLimit()
    signal.removeEventListener('abort', stop)
    // Cancels the bodies that are still being received: the heads are enough.
    stop()
  }

  async function ask(to: URL, init: RequestInit): Promise<{ readonly outcome: Outcome; readonly response?: Response }> {
    try {
      const asking = host.fetch?.(to.href, { cache: 'no-store', ...init, signal: controller.signal })
      const response = await Promise.race([asking, aborted(controller.signal)])
      return response ? { outcome: 'answered', response } : { outcome: 'failed' }
    } catch {
      return { outcome: controller.signal.aborted ? 'silent' : 'failed' }
    }
  }
}

/** Returns a permission that may block the page from the local network. A page on the local network needs none. */
async function localAccessOf(url: URL, page: URL, host: Host): Promise<FollowUp['localAccess']> {
  if (!host.localAccess || spaceOf(page.hostname)) return undefined
  const asked = host.localAccess(spaceOf(url.hostname) ?? 'local')
  const state = await within(asked, permissionMs, host, () => undefined).catch(() => undefined)
  return state === 'granted' ? undefined : state
}

async function contentOf(
  response: Response,
  hasLedger: boolean,
  signal: AbortSignal,
): Promise<Pick<FollowUp, 'status' | 'contentType' | 'isOfSession' | 'ledger'>> {
  const { status, headers } = response
  const contentType = headers.get('content-type') ?? ''
  // A `steadfast/server` answers a plain-mode client with a problem document.
  if (!hasLedger && essenceOf(contentType) !== 'application/problem+json') {
    // Cancelled, since Node's `fetch` may miss the abort (see `feed`), and an event stream would go on for ever.
    response.body?.cancel().catch(() => {})
    return { status, contentType }
  }
  try {
    const text = await Promise.race([textOfBody(response, ledgerBytes, signal), aborted(signal)])
    const { steadfast, ...ledger } = JSON.parse(text)
    if (!hasLedger && steadfast === 'v1') return { status, contentType, isOfSession: true }
    if (steadfast !== 'v1' || status !== 200 || typeof ledger.sawRequest !== 'boolean') return { status, contentType }
    return { status, contentType, ledger: ledgerOf(ledger) }
  } catch {
    return { status, contentType }
  }
}

/** @throws if it is not a ledger: any server may have answered */
function ledgerOf(json: Ledger): Ledger {
  const { scope, sawRequest, sawUpgrade, verdict, offeredProtocols } = json
  if (verdict !== null && verdict !== 'accepted') countOf(verdict)
  return { scope, sawRequest, sawUpgrade, verdict, offeredProtocols: offeredProtocols.map(textOf) }
}

/** Rejects when the signal is aborted, since in Node an aborted `fetch` may never settle. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', reject, { once: true }))
}
