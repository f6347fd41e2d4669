import { codes } from '../../wire/steadfast-v1.ts'
import type { Ending } from '../store/ports.ts'
import { bufferOf } from '../util/payload.ts'
import type { HandledSession } from './handled-session.ts'
import type { Incoming, PendingHook } from './record.ts'

const endedByServer: Ending = { by: 'server', code: codes.ended, reason: '' }

/** Calls the handler that is next: `onSession`, then `onMessage` for each message, then `onEnd`. Returns what it returns. */
export function callHandler(session: HandledSession, hook: PendingHook, next: Incoming | undefined): unknown {
  const { handlers } = session.node
  if (hook === 'begin') return handlers.onSession?.(session.handle)
  if (next) return callOnMessage(session, next)
  return handlers.onEnd?.(session.handle, session.record.ended ?? endedByServer)
}

function callOnMessage(session: HandledSession, { n, data, redelivered }: Incoming): unknown {
  if (data === null) return undefined
  const { handlers, settings } = session.node
  if (!handlers.onMessage) return undefined
  const id = { session: session.id, n }
  const payload = typeof data === 'string' ? data : bufferOf(data)
  // An error of the codec is reported like one of a handler.
  const read = settings.codec ? settings.codec.decode(payload) : payload
  return handlers.onMessage(session.handle, { data: read as typeof payload, id, redelivered })
}
