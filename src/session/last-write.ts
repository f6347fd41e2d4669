import type { Unsent } from '../api/message-sender.ts'
import type { Delivery, Link } from '../api/transport.ts'
import { deliveredBy, lastWriteMs, type Posting, unlessLeaving, valuesOf } from '../sending/final-flush.ts'
import type { Outbox } from '../sending/outbox.ts'
import { lineBytes, linesOf } from './frames.ts'
import type { SessionSenderPort } from './sender-port.ts'
import type { Unacknowledged } from './unacknowledged.ts'

/** The limit of the messages in the last request, in bytes, so that with the hello it still fits a `keepalive` request. */
const lastRequestBytes = 2 ** 15

/** The state of a session that is still to be written when its client closes. */
export interface Remainder<Out> {
  /** The link; a WebSocket was already given all that it takes. */
  readonly link: Link | null
  /** The request in transit. */
  readonly posting: Posting | null
  readonly outbox: Outbox<Out>
  readonly sent: Unacknowledged<Out>
}

/**
 * The last write of a session, which alone may outlive the client, by at most 5 s. Over a WebSocket it waits for the
 * acknowledgment; else it waits for the request in transit and sends one more, which ends the session and survives the page.
 * Messages that are still unacknowledged then are unconfirmed, and never sent again.
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
  // When a page unloads, the browser may discard the last frames of its WebSocket and its request in transit. Once a new session
  // has begun, a hello would name that one.
  if (mayPost && (isGoing || !isSocket) && session.id === id) {
    if (isGoing || !hasArrived) sent.rewind(0)
    const lines = sent.nextBytes <= lastRequestBytes ? linesOf(sent.next(lastRequestBytes, lineBytes)) : []
    const answered = post([...lines, `x${JSON.stringify(end)}`].join('\n'))
    // Without a link the response may never come, so it is awaited only if it can still confirm a message.
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
