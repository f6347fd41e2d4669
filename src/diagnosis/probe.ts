import type { FollowUp, Ledger, Outcome } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import { textOfBody } from '../transports/body.ts'
import { withoutUser, withQuery } from '../transports/request-url.ts'
import { within } from '../util/within.ts'
import { countOf, textOf } from '../wire/readers.ts'
import { spaceOf } from './local-network.ts'

/** Nothing waits for the answers, so they may take their time; what hangs longer is a finding. */
const limitMs = 5000
/** A browser answers at once what a page is permitted. */
const permissionMs = 1000
/** No ledger says more. */
const ledgerBytes = 2 ** 16

/** What is to be asked about. */
export interface Subject {
  /** Where the attempt was to lead, http or https. */
  readonly url: URL
  /** In a session: the attempt's name, under which its server keeps a ledger (docs/PROTOCOL.md, rule 15). */
  readonly attempt?: string
  readonly credentials: RequestCredentials
}

/**
 * Asks by plain HTTP what a failed connection may not say: whether the page may read what the same URL answers, whether anything
 * answers there at all, whether it redirects, and whether the page's own origin can be reached. All at once, nobody else's hosts,
 * never again by itself. Throws nothing.
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
  // No cookie goes along: so the answer may be read wherever the page came from.
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
    // Asked last: while the others were on their way the user may have been asked.
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
    // What is still on its way is wanted no more: the head has told it all.
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

/** Whether the browser may be what keeps this page from the local network. A page that is of it needs no permission. */
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
  // A session's server that is asked for none says so in such an answer.
  if (!hasLedger && !contentType.startsWith('application/problem+json')) {
    // Node's `fetch` may not hear of an abort (see `feed`), and an event stream would go on for ever.
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

/** @throws where it is none: what answers may be anybody */
function ledgerOf(json: Ledger): Ledger {
  const { scope, sawRequest, sawUpgrade, verdict, offeredProtocols } = json
  if (verdict !== null && verdict !== 'accepted') countOf(verdict)
  return { scope, sawRequest, sawUpgrade, verdict, offeredProtocols: offeredProtocols.map(textOf) }
}

/** Not left to `fetch`: in Node one that is aborted may never end. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', reject, { once: true }))
}
