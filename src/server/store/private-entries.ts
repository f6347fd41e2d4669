import type { Payload, PrivateAppend, PrivateEntry, Stored, Subscription } from './ports.ts'

/** The kind of a message that was sent to one session alone. */
export const messageKind = 'message'

export function messageEntry(data: Payload): PrivateAppend {
  return { kind: messageKind, data }
}

/** The server's answer to a call of the client: JSON (rule 21). */
export function callEntry(json: string): PrivateAppend {
  return { kind: 'call', data: json }
}

/**
 * A request of the server to the client.
 * @param until when nobody waits for the answer any more, by the store's clock; `undefined`: no such time is known
 */
export function requestEntry(json: string, id: string, until: number | undefined): PrivateAppend {
  return { ...callEntry(json), meta: { asked: id, ...(until !== undefined && { until }) } }
}

/** Tells the client that nobody waits for its answer to that request any more. */
export function withdrawnEntry(json: string, id: string): PrivateAppend {
  return { ...callEntry(json), meta: { withdrawn: id } }
}

/** The `meta` of the server's requests and of what withdraws them. */
interface RequestMeta {
  readonly asked?: string
  readonly until?: number
  readonly withdrawn?: string
}

function requestMetaOf(entry: PrivateEntry): RequestMeta {
  // Only this file creates entries of this kind; those of answers have no `meta`.
  return isCall(entry) ? ((entry.meta as RequestMeta | undefined) ?? {}) : {}
}

/**
 * Empties the requests for whose answer nobody waits any more, so that they are not sent to the client. What withdraws them
 * stays: the client may have received the request over another attachment.
 */
export function withoutWithdrawn(entries: readonly PrivateEntry[], now: number): readonly PrivateEntry[] {
  if (!entries.some((entry) => requestMetaOf(entry).asked !== undefined)) return entries
  const withdrawn = new Set(entries.map((entry) => requestMetaOf(entry).withdrawn))
  return entries.map((entry) => {
    const { asked, until = Infinity } = requestMetaOf(entry)
    return asked !== undefined && (until <= now || withdrawn.has(asked)) ? { kind: 'withdrawn', offset: entry.offset } : entry
  })
}

export function isCall(entry: PrivateEntry): entry is PrivateEntry & { readonly data: string } {
  return entry.kind === 'call' && typeof entry.data === 'string'
}

/** Tells the node that handles the client's request of that number that the client no longer waits for the reply. */
export function abortEntry(of: number): PrivateAppend {
  return { kind: 'abort', meta: of }
}

/** The number in an abort entry; 0 in any other entry. */
export function abortIn(entry: PrivateAppend | undefined): number {
  return entry?.kind === 'abort' && typeof entry.meta === 'number' ? entry.meta : 0
}

export function subscribedEntry(subscription: Subscription): PrivateAppend {
  return { kind: 'subscribed', meta: subscription }
}

export function unsubscribedEntry(stream: number): PrivateAppend {
  return { kind: 'unsubscribed', meta: { stream } }
}

export function isMessage(entry: PrivateEntry): entry is PrivateEntry & Stored {
  return entry.kind === messageKind && entry.data !== undefined
}

/** A change of the session's subscriptions; `null` for an entry of another kind. */
export function subscriptionChangeOf({
  kind,
  meta,
}: PrivateAppend): { readonly subscribed: Subscription } | { readonly unsubscribed: number } | null {
  // Only this file creates entries of these kinds.
  if (kind === 'subscribed') return { subscribed: meta as Subscription }
  return kind === 'unsubscribed' ? { unsubscribed: (meta as { readonly stream: number }).stream } : null
}
