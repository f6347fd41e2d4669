import type { Carrier } from '../delivery/carrier.ts'
import type { Handlers } from '../handlers.ts'
import type { NodeContext } from '../node/node-context.ts'
import { type AttachedBy, attachedBy, type HandlerRuns, type Refused } from './meters.ts'
import type { StoreCalls } from './store-meters.ts'

/**
 * A server's current state and its counts since it was created, as plain numbers. A fleet's metrics are the sum over its servers,
 * except where noted otherwise.
 */
export interface ServerMetrics {
  /** Sessions that are attached to this server, or have pending work on it, now. */
  readonly sessions: number
  /** Attachments by transport. */
  readonly attachments: {
    /** Open attachments now. A polling client has one while its answer is held. */
    readonly open: Readonly<Record<AttachedBy, number>>
    /** Attachments that were opened; each answer to a poll counts as one. */
    readonly opened: Readonly<Record<AttachedBy, number>>
  }
  /** Requests that were refused, by close code, and by the server's reason for 4429 and 4503. */
  readonly refused: readonly Refused[]
  /** Messages in each direction, and publications. */
  readonly messages: {
    /** Messages from clients, including those that they sent again. */
    readonly received: number
    /** Messages written to clients: a message published to a thousand subscribers counts a thousand times. */
    readonly sent: number
    /** Calls of `publish()` on this server that succeeded. */
    readonly published: number
  }
  /** Bytes in each direction. */
  readonly bytes: {
    /** Bytes of the messages that clients sent. */
    readonly received: number
    /** The length of the frames written to clients: bytes, or the characters of a text. */
    readonly sent: number
  }
  /** Frames written to clients; one frame may hold many messages. */
  readonly framesSent: number
  /** Gaps that were reported to clients: the store had evicted messages that they had yet to receive. */
  readonly gaps: number
  /** The lag of readers, now: data that was written and their sockets have not accepted yet. */
  readonly unwritten: {
    /** The bytes of all attachments. */
    readonly bytes: number
    /** The bytes of the attachment that has most of them. */
    readonly mostBytes: number
    /** Attachments to which nothing more is written until their sockets have drained. */
    readonly waiting: number
  }
  /** Messages that wait for the handlers of this server, in bytes, each with 64 bytes of overhead, now. */
  readonly unhandledBytes: number
  /** The runs and errors of each handler; 0 for one that is not set. */
  readonly handlers: Readonly<Record<keyof Handlers, Readonly<HandlerRuns>>>
  /** The calls of the store by method, such as `topics.append`. Empty for a `memoryStore()`, which answers synchronously. */
  readonly store: Readonly<Record<string, StoreCalls>>
}

/** An actor, reduced to its attachments. */
interface Attached {
  readonly attachments: { readonly carriers: readonly Carrier[] }
}

export function metricsOf({ meters, backlog }: NodeContext, sessions: number, actors: Iterable<Attached>): ServerMetrics {
  const open = { websocket: 0, sse: 0, polling: 0 }
  const unwritten = { bytes: 0, mostBytes: 0, waiting: 0 }
  for (const { attachments } of actors) {
    for (const carrier of attachments.carriers) {
      open[attachedBy[carrier.medium]] += 1
      const bytes = carrier.unwrittenBytes?.() ?? 0
      unwritten.bytes += bytes
      unwritten.mostBytes = Math.max(unwritten.mostBytes, bytes)
      if (!carrier.isDraining()) unwritten.waiting += 1
    }
  }
  return {
    sessions,
    attachments: { open, opened: { ...meters.attached } },
    refused: meters.refused,
    messages: { received: meters.messagesReceived, sent: meters.messagesSent, published: meters.published },
    bytes: { received: meters.bytesReceived, sent: meters.bytesSent },
    framesSent: meters.framesSent,
    gaps: meters.gaps,
    unwritten,
    unhandledBytes: backlog.bytes,
    handlers: copiedRuns(meters.handlers),
    store: Object.fromEntries([...meters.topics.read('topics'), ...meters.sessions.read('sessions')]),
  }
}

function copiedRuns(runs: ServerMetrics['handlers']): ServerMetrics['handlers'] {
  const { onSession, onMessage, onAttach, onDetach, onEnd, onRequest, onSubscribe, onPublish } = runs
  return {
    onSession: { ...onSession },
    onMessage: { ...onMessage },
    onAttach: { ...onAttach },
    onDetach: { ...onDetach },
    onEnd: { ...onEnd },
    onRequest: { ...onRequest },
    onSubscribe: { ...onSubscribe },
    onPublish: { ...onPublish },
  }
}
