import type { Host } from '../api/host.ts'
import type { Unsent } from '../api/message-sender.ts'
import type { Delivery, Link } from '../api/transport.ts'
import type { Entry } from './outbox.ts'
import { bytesOfEntries, deliverBatch } from './post-batch.ts'

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

/** Messages on their way by one request. */
export interface EntryPosting<Out> extends Posting {
  readonly entries: readonly Entry<Out>[]
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
  /** What one more request may bring. */
  readonly last: readonly Entry<Out>[]
  readonly waiting: readonly Entry<Out>[]
  /** The page goes away: nothing can be waited for. */
  readonly isPageLeaving: boolean
}

/**
 * The last write, which alone may outlive the client, by at most 5 s: what the socket has taken, or the POST on its way and
 * one more that survives the page.
 */
export async function finalFlush<Out>(
  { link, posting, written, writtenBytes, last, waiting, isPageLeaving }: Rest<Out>,
  host: Host,
): Promise<Unsent<Out>> {
  const until = host.now() + lastWriteMs
  const refused: Entry<Out>[] = []
  const unconfirmed: Entry<Out>[] = []
  const settle = async (each: EntryPosting<Out>) => {
    const { outcome } = await deliveredBy(each, until, host)
    if (outcome === 'refused') refused.push(...each.entries)
    if (outcome === 'unconfirmed') unconfirmed.push(...each.entries)
  }
  const settled = posting && settle(posting)
  if (!isPageLeaving) await settled
  const isWritten = link && last.length > 0 && bytesOfEntries(last) <= keepaliveBytes && host.now() < until
  if (isWritten) {
    const controller = new AbortController()
    const done = deliverBatch(link, last, controller.signal, true)
    if (done) await settle({ entries: last, controller, done })
  }
  await settled
  let left = written
  while (link) {
    left = unsentOf(left, writtenBytes - link.bufferedBytes())
    if (!left.length || host.now() >= until) break
    await new Promise<void>((resolve) => host.after(lookAgainMs, resolve))
  }
  return {
    unsent: valuesOf([...refused, ...(isWritten ? [] : last), ...waiting]),
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

/** What the application gave: not what stands for a call, whose promise says what became of it. */
export function valuesOf<Out>(entries: readonly Entry<Out>[]): Out[] {
  return entries.flatMap(({ value, call }) => (call ? [] : [value]))
}
