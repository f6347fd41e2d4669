import type { ClientCall } from '../../wire/calls.ts'
import { codes } from '../../wire/steadfast-v1.ts'
import { handleTopicCall } from '../calls/topic-calls.ts'
import type { Ending } from '../store/ports.ts'
import { bufferOf } from '../util/payload.ts'
import type { HandledSession } from './handled-session.ts'
import type { Incoming, PendingHook } from './record.ts'

const endedByServer: Ending = { by: 'server', code: codes.ended, reason: '' }

/**
 * Calls the next handler: `onSession`, then one for each message, then `onEnd`. Returns the handler's result; for a call of the
 * client that expects an answer, a promise of the answer's offset in stream 0.
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
