import type { Handlers } from '../handlers.ts'
import { isThenable } from '../util/thenable.ts'
import type { HandlerRuns, Meters } from './meters.ts'

/** Wraps the application's handlers to count their runs and errors. A missing handler stays missing. */
export function meteredHandlers(handlers: Handlers, { handlers: meters }: Meters): Handlers {
  const { onSession, onMessage, onAttach, onDetach, onEnd, onRequest, onSubscribe, onPublish } = handlers
  return {
    onSession: onSession && ((session) => counted(meters.onSession, () => onSession(session))),
    onMessage: onMessage && ((session, message) => counted(meters.onMessage, () => onMessage(session, message))),
    onAttach: onAttach && ((session) => counted(meters.onAttach, () => onAttach(session))),
    onDetach: onDetach && ((session, ending) => counted(meters.onDetach, () => onDetach(session, ending))),
    onRequest: onRequest && ((session, message) => counted(meters.onRequest, () => onRequest(session, message))),
    onSubscribe:
      onSubscribe && ((session, topic, params) => counted(meters.onSubscribe, () => onSubscribe(session, topic, params))),
    onPublish: onPublish && ((session, topic, data) => counted(meters.onPublish, () => onPublish(session, topic, data))),
    onEnd: onEnd && ((session, ending) => counted(meters.onEnd, () => onEnd(session, ending))),
  }
}

function counted(meter: HandlerRuns, run: () => unknown): unknown {
  meter.runs += 1
  try {
    const result = run()
    return isThenable(result) ? settled(meter, result) : result
  } catch (error) {
    meter.errors += 1
    throw error
  }
}

async function settled(meter: HandlerRuns, result: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await result
  } catch (error) {
    meter.errors += 1
    throw error
  }
}
