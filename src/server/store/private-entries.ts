import type { Payload, PrivateAppend, PrivateEntry, Stored, Subscription } from './ports.ts'

/** The kind of a message that was sent to one session alone. */
export const messageKind = 'message'

export function messageEntry(data: Payload): PrivateAppend {
  return { kind: messageKind, data }
}

/** The server's answer to a call of the client, or its request to the client: JSON (rule 21). */
export function callEntry(json: string): PrivateAppend {
  return { kind: 'call', data: json }
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
