import type { Host } from '../api/host.ts'
import type { Unsent } from '../api/message-sender.ts'
import type { Delivery, Link } from '../api/transport.ts'
import type { Entry } from './outbox.ts'

/** How long the last write of a closed client may take. */
export const lastWriteMs = 5000
/** A socket does not say when it has sent: it is looked at again after so long. */
export const lookAgainMs = 20
/** What a request with `keepalive` may carry (Fetch, "HTTP-network-or-cache fetch"). */
export const keepaliveBytes = 2 ** 16

/** A request on its way. */
export interface Posting {
  readonly controller: AbortController
  readonly done: Promise<Delivery>
}

/** A message on its way by a request of its own. */
export interface EntryPosting<Out> extends Posting {
  readonly entry: Entry<Out>
}

/** A message given to a socket. */
export interface Written<Out> {
  readonly entry: Entry<Out>
  /** The count of bytes written to the socket up to the end of this one. */
  readonly end: number
}

/** What a client leaves behind when it is closed. */
export interface Rest<Out> {
  readonly link: Link | null
  readonly posting: EntryPosting<Out> | null
  readonly written: readonly Written<Out>[]
  readonly writtenBytes: number
  readonly waiting: readonly Entry<Out>[]
  /** The page goes away: nothing can be waited for. */
  readonly isPageLeaving: boolean
}

/**
 * The last write, which alone may outlive the client, by at most 5 s: what the socket has taken, or the POST on its way and
 * one more that survives the page.
 */
export async function finalFlush<Out>(
  { link, posting, written, writtenBytes, waiting, isPageLeaving }: Rest<Out>,
  host: Host,
): Promise<Unsent<Out>> {
  const until = host.now() + lastWriteMs
  const refused: Entry<Out>[] = []
  const unconfirmed: Entry<Out>[] = []
  const settle = async (each: EntryPosting<Out>) => {
    const { entry } = each
    const { outcome } = await deliveredBy(each, until, host)
    if (outcome === 'refused') refused.push(entry)
    if (outcome === 'unconfirmed') unconfirmed.push(entry)
  }
  const settled = posting && settle(posting)
  if (!isPageLeaving) await settled
  const [next, ...others] = waiting
  const isLast = link?.isPosting && next && next.bytes <= keepaliveBytes && host.now() < until
  if (isLast) {
    const controller = new AbortController()
    const done = link.write(next.data, controller.signal, true)
    if (done) await settle({ entry: next, controller, done })
  }
  await settled
  let left = written
  while (link) {
    left = unsentOf(left, writtenBytes - link.bufferedBytes())
    if (!left.length || host.now() >= until) break
    await new Promise<void>((resolve) => host.after(lookAgainMs, resolve))
  }
  return {
    unsent: valuesOf([...refused, ...(isLast ? others : waiting)]),
    unconfirmed: valuesOf([...unconfirmed, ...left.map(({ entry }) => entry)]),
  }
}

/** What became of a request that may take until then. */
export function deliveredBy({ controller, done }: Posting, until: number, host: Host): Promise<Delivery> {
  return new Promise((resolve) => {
    const cancelLimit = host.after(Math.max(0, until - host.now()), () => controller.abort())
    const settle = (delivery: Delivery) => {
      cancelLimit()
      resolve(delivery)
    }
    done.then(settle, () => settle(aborted))
    // Not left to the request: in Node one that is aborted may never end (`feed`).
    const aborted: Delivery = { outcome: 'unconfirmed', report: { kind: 'timeout' } }
    controller.signal.addEventListener('abort', () => settle(aborted))
  })
}

/** Waits for the last write, but not longer than the page is there; tells whether the page goes away. */
export function unlessLeaving(last: Promise<unknown>, host: Host): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isLeaving: boolean) => {
      stop()
      resolve(isLeaving)
    }
    const stop = host.listen(({ type }) => {
      if (type === 'leaving' || type === 'pagehide') end(true)
    })
    last.then(
      () => end(false),
      () => end(false),
    )
  })
}

export function unsentOf<Out>(written: readonly Written<Out>[], sentBytes: number): Written<Out>[] {
  return written.filter(({ end }) => end > sentBytes)
}

export function valuesOf<Out>(entries: readonly Entry<Out>[]): Out[] {
  return entries.map(({ value }) => value)
}
