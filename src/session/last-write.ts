import type { Unsent } from '../api/message-sender.ts'
import type { Delivery, Link } from '../api/transport.ts'
import { deliveredBy, lastWriteMs, type Posting, unlessLeaving, valuesOf } from '../sending/final-flush.ts'
import type { Outbox } from '../sending/outbox.ts'
import { lineBytes, linesOf } from './frames.ts'
import type { SessionSenderPort } from './sender-port.ts'
import type { Unacknowledged } from './unacknowledged.ts'

/** What the last request may bring, so that beside the hello it still fits one with `keepalive`. */
const lastRequestBytes = 2 ** 15

/** What a session leaves behind when its client is closed. */
export interface Remainder<Out> {
  /** A WebSocket was given all that it takes. */
  readonly link: Link | null
  /** The request on its way. */
  readonly posting: Posting | null
  readonly outbox: Outbox<Out>
  readonly sent: Unacknowledged<Out>
}

/**
 * The last write of a session, which alone may outlive the client, by at most 5 s: the acknowledgment of what a WebSocket was given, or
 * the request on its way and one more that ends the session and survives the page. What the server has not acknowledged by then is
 * unconfirmed, and never sent again.
 */
export async function lastWrite<Out>(
  { link, posting, outbox, sent }: Remainder<Out>,
  port: SessionSenderPort<Out>,
  close: (settled?: Promise<void>) => void,
  end: { readonly code: number; readonly reason: string },
): Promise<Unsent<Out>> {
  const { host, session, isPageLeaving, postLast } = port
  const { id } = session
  const until = host.now() + lastWriteMs
  const isSocket = !!link && !link.isPosting
  const mayPost = link?.isPosting || (session.isOn && (!link || isSocket))
  let isGoing = isPageLeaving()
  let hasArrived = !!link && !isSocket
  const last = isSocket
    ? sent.settledBy(until, host)
    : posting &&
      deliveredBy(posting, until, host).then(({ outcome }) => {
        hasArrived = outcome === 'sent'
      })
  const settled = last && !isGoing ? unlessLeaving(last, host) : undefined
  close(isSocket && settled ? settled.then(nothing) : undefined)
  if (settled) isGoing = await settled
  // A page that goes away may take a socket's last frames with it, and the request on its way. A hello would name the new session,
  // where there is one by now.
  if (mayPost && (isGoing || !isSocket) && session.id === id) {
    if (isGoing || !hasArrived) sent.rewind(0)
    const lines = sent.nextBytes <= lastRequestBytes ? linesOf(sent.next(lastRequestBytes, lineBytes)) : []
    const answered = post([...lines, `x${JSON.stringify(end)}`].join('\n'))
    // Without a link the answer may never come: it is waited for where it can still confirm something.
    if (link || sent.oldest) await answered
  }
  return { unsent: valuesOf(outbox.drain()), unconfirmed: valuesOf(sent.drain()) }

  function post(lines: string): Promise<Delivery> | null | undefined {
    const controller = new AbortController()
    const done = link?.isPosting ? link.write(lines, controller.signal, true) : postLast(lines, controller.signal)
    return done && deliveredBy({ controller, done }, until, host)
  }
}

function nothing(): void {}
