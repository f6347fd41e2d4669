import type { ClientCall } from '../../wire/calls.ts'
import { codes } from '../../wire/steadfast-v1.ts'
import { handleTopicCall } from '../calls/topic-calls.ts'
import type { ServerHost } from '../node/host.ts'
import type { Ending, SessionRecord } from '../store/ports.ts'
import { bufferOf } from '../util/payload.ts'
import { isThenable } from '../util/thenable.ts'
import type { HandledSession } from './handled-session.ts'
import { presenceChange } from './presence-change.ts'
import type { Incoming, PendingHook } from './record.ts'

const endedByServer: Ending = { by: 'server', code: codes.ended, reason: '' }

/**
 * Calls the next handler: `onSession`, then one for each message, then `onEnd`. Returns the handler's result; for a call of the
 * client that expects an answer, a promise of the answer's offset in stream 0 (`null` if the session has ended).
 */
export function callHandler(session: HandledSession, hook: PendingHook, next: Incoming | undefined): unknown {
  const { handlers } = session.node
  if (hook === 'begin') return handlers.onSession?.(session.handle)
  if (next?.call) return callOf(session, next, next.call)
  if (next) return callOnMessage(session, next)
  return handlers.onEnd?.(session.handle, session.record.ended ?? endedByServer)
}

function callOf(session: HandledSession, message: Incoming, call: ClientCall): unknown {
  if (message.data === null) return undefined
  switch (call.type) {
    case 'subscribe':
    case 'unsubscribe':
    case 'members':
    case 'publish':
      return handleTopicCall(session, message, call)
    case 'reply':
    case 'error':
      return message.isDispatched ? undefined : session.node.clientRequests.pass(session.id, call)
    // The abort took effect when it arrived.
    case 'abort':
    // The handler queue starts the request, and continues.
    case 'request':
      return undefined
  }
}

function callOnMessage(session: HandledSession, { n, data, redelivered }: Incoming): unknown {
  if (data === null) return undefined
  const { handlers, settings } = session.node
  if (!handlers.onMessage) return undefined
  const id = { session: session.id, n }
  const payload = typeof data === 'string' ? data : bufferOf(data)
  // An error of the codec is reported like one of the handler.
  const read = settings.codec ? settings.codec.decode(payload) : payload
  return handlers.onMessage(session.handle, { data: read as typeof payload, id, redelivered })
}

/** Calls `onAttach` or `onDetach` if this change of the record means that the client has attached or detached. */
export function callPresenceHandler(session: HandledSession, before: SessionRecord | null, record: SessionRecord): void {
  const { host, handlers } = session.node
  if (!handlers.onAttach && !handlers.onDetach) return
  const change = presenceChange(before, record)
  if (!change) return
  if (change.type === 'attached') callUnawaited(host, () => handlers.onAttach?.(session.handle))
  else callUnawaited(host, () => handlers.onDetach?.(session.handle, change.ending))
}

/** Calls a handler whose promise nothing awaits: its failure is reported. */
export function callUnawaited(host: Pick<ServerHost, 'report'>, handler: () => unknown): void {
  try {
    const waiting = handler()
    if (isThenable(waiting)) waiting.then(undefined, (error) => host.report(error))
  } catch (error) {
    host.report(error)
  }
}
