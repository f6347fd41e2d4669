import type { Payload, PrivateAppend, PrivateEntry, Stored, Subscription } from './ports.ts'

/** The kind of a message that was sent to one session alone. */
export const messageKind = 'message'

export function messageEntry(data: Payload): PrivateAppend {
  return { kind: messageKind, data }
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
  // Only this file writes these kinds.
  if (kind === 'subscribed') return { subscribed: meta as Subscription }
  return kind === 'unsubscribed' ? { unsubscribed: (meta as { readonly stream: number }).stream } : null
}
