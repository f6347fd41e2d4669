import { setTimeout as sleep } from 'node:timers/promises'
import { vi } from 'vitest'
import { WebSocket } from 'ws'
import type { Payload } from '../../src/api/protocol.ts'
import { type EventDetails, type EventType, type Host, RealtimeClient, type RealtimeOptions } from '../../src/index.ts'

type Recorded = { readonly [Type in EventType]: { readonly type: Type } & EventDetails[Type] }[EventType]

/** A client in Node that records all its events, and is closed with the test. */
export interface WatchedClient extends AsyncDisposable {
  readonly client: RealtimeClient
  /** Every event in order, without `target`. */
  readonly events: readonly Recorded[]
  /** The data of the messages so far. */
  readonly data: readonly Payload[]
  /** Errors of listeners or of the client that no caller can catch. */
  readonly reported: readonly unknown[]
  /** The events of one type so far. */
  of<Type extends EventType>(type: Type): readonly (EventDetails[Type] & { readonly type: Type })[]
  /** The transports that opened, in order. */
  opened(): readonly string[]
  /** The causes of the errors, in order. */
  causes(): readonly string[]
  /** Resolves with the n-th event (from 1) of this type, past or future. */
  nth<Type extends EventType>(type: Type, n?: number, timeoutMs?: number): Promise<EventDetails[Type]>
}

/** Node's fetch and the WebSocket of `ws`, which looks like a browser's. */
export const nodeHost: Partial<Host> = { WebSocket: WebSocket as unknown as NonNullable<Host['WebSocket']>, isLive: true }

export function watchClient(url: string, options: RealtimeOptions = {}): WatchedClient {
  const reported: unknown[] = []
  const host = { ...nodeHost, report: (error: unknown) => void reported.push(error), ...options.host }
  const client = new RealtimeClient(url, { ...options, host })
  const events: Recorded[] = []
  const data: Payload[] = []
  for (const type of ['open', 'message', 'error', 'close', 'transport', 'gap', 'diagnosis', 'state'] as const) {
    client.addEventListener(type, (event) => {
      const { target, ...rest } = event
      events.push(rest as unknown as Recorded)
      if (event.type === 'message') data.push(event.data)
    })
  }
  const watched: WatchedClient = {
    client,
    events,
    data,
    reported,
    of: <Type extends EventType>(type: Type) =>
      events.filter((event) => event.type === type) as unknown as (EventDetails[Type] & { readonly type: Type })[],
    opened: () => watched.of('open').map(({ transport }) => transport),
    causes: () => watched.of('error').map(({ diagnosis }) => diagnosis.cause),
    async nth(type, n = 1, timeoutMs = 5000) {
      return vi.waitFor(
        () => {
          const event = watched.of(type)[n - 1]
          if (!event) throw new Error(`no ${type} number ${n}; there were: ${JSON.stringify(events.slice(-20))}`)
          return event
        },
        { timeout: timeoutMs, interval: 5 },
      )
    },
    async [Symbol.asyncDispose]() {
      await client.close()
    },
  }
  return watched
}

/** Numbered messages: `m1` … `m<count>`. */
export function numbered(count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, index) => `m${from + index}`)
}

/** Publishes one by one, so that the frames, events and answers interleave with what the test does meanwhile. */
export async function publishSlowly(publish: (data: string) => unknown, messages: readonly string[], everyMs = 5): Promise<void> {
  for (const message of messages) {
    await publish(message)
    await sleep(everyMs)
  }
}
