import type { Host } from '../api/host.ts'
import type { Unsent } from '../api/message-sender.ts'
import type { Delivery, Link } from '../api/transport.ts'
import type { Entry } from './outbox.ts'
import { bytesOfEntries, deliverBatch } from './post-batch.ts'

/** How long the final flush of a closed client may take, in milliseconds. */
export const lastWriteMs = 5000
/** The interval at which a socket's `bufferedAmount` is polled, in milliseconds, since sockets have no event for it. */
export const lookAgainMs = 20
/** The largest body of a request with `keepalive`, in bytes (Fetch, "HTTP-network-or-cache fetch"). */
export const keepaliveBytes = 2 ** 16

/** A pending POST. */
export interface Posting {
  readonly controller: AbortController
  readonly done: Promise<Delivery>
}

/** A pending POST with its messages. */
export interface EntryPosting<Out> extends Posting {
  readonly entries: readonly Entry<Out>[]
}

/** A message that was written to a socket. */
export interface Written<Out> {
  readonly entry: Entry<Out>
  /** The number of bytes written to the socket, up to the end of this message. */
  readonly end: number
}

/** The messages of a closing client that are not known to be sent. */
export interface Rest<Out> {
  readonly link: Link | null
  readonly posting: EntryPosting<Out> | null
  readonly written: readonly Written<Out>[]
  readonly writtenBytes: number
  /** The messages that one more POST can carry. */
  readonly last: readonly Entry<Out>[]
  readonly waiting: readonly Entry<Out>[]
  /** The page is being unloaded, so it cannot wait for anything. */
  readonly isPageLeaving: boolean
}

/**
 * The final flush, which may outlive the client by at most 5 s: waits for the socket's buffer to drain, or for the pending POST
 * and one more with `keepalive`.
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

/** Returns the outcome of a POST, which is aborted at `until`. */
export function deliveredBy({ controller, done }: Posting, until: number, host: Host): Promise<Delivery> {
  return new Promise((resolve) => {
    const cancelLimit = host.after(Math.max(0, until - host.now()), () => controller.abort())
    const settle = (delivery: Delivery) => {
      cancelLimit()
      resolve(delivery)
    }
    done.then(settle, () => settle(aborted))
    // Settled here and not by the request, since in Node an aborted request may never settle (`feed`).
    const aborted: Delivery = { outcome: 'unconfirmed', report: { kind: 'timeout' } }
    controller.signal.addEventListener('abort', () => settle(aborted))
  })
}

/** Waits for the final flush until the page is unloaded; resolves with whether it is. */
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

/** Returns the application's messages, without calls, whose promises report their own outcome. */
export function valuesOf<Out>(entries: readonly Entry<Out>[]): Out[] {
  return entries.flatMap(({ value, call }) => (call ? [] : [value]))
}
