import type { RealtimeClient } from '../client/client.ts'

/** Where a subscription begins: after an offset, with all that is kept, or with the last messages. */
export type Since = number | 'start' | { readonly last: number }

/** How a request or a publication may be given up. */
export interface CallOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface RequestError extends Error {
  readonly code: string | number
}

export interface TopicMessage<Data = unknown> {
  readonly type: 'message'
  readonly data: Data
  readonly offset: number
  readonly topic: string
}

export interface PresenceMember<Info = unknown> {
  readonly id: string
  readonly info: Info
}

export interface TopicPresence {
  readonly members: readonly PresenceMember[]
  on(type: 'change', listener: () => void): () => void
}

export interface Topic<Data = unknown, Out = unknown> {
  readonly name: string
  readonly state: 'subscribing' | 'subscribed' | 'refused' | 'ended'
  readonly error: RequestError | null
  on(type: 'message', listener: (message: TopicMessage<Data>) => void): () => void
  on(type: 'gap' | 'subscribed' | 'error' | 'state', listener: (event: unknown) => void): () => void
  publish(data: Out, options?: CallOptions): Promise<number>
  readonly presence: TopicPresence
  unsubscribe(): void
}

export interface SubscribeOptions {
  readonly since?: Since
  readonly params?: unknown
}

/** A client in a session. */
export type SessionClient<In = unknown, Out = unknown> = RealtimeClient<In, Out> & {
  subscribe<Data = In>(topic: string, options?: SubscribeOptions): Topic<Data, Out>
  request<Reply = In>(data: Out, options?: CallOptions): Promise<Reply>
}
