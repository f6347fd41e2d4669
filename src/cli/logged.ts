import type { RealtimeServerOptions } from '../server/options.ts'
import type { Log } from './log.ts'

/** The part of the host that the log needs. */
interface LogHost {
  elapsedMs(): number
  randomId(): string
}

/** The options of a server that also logs the beginning and end of each session, under a random name made for the log only. */
export function logged(options: RealtimeServerOptions, log: Log, host: LogHost): RealtimeServerOptions {
  const begun = new Map<string, { readonly name: string; readonly at: number }>()
  const { onSession, onEnd } = options
  return {
    ...options,
    onSession(session) {
      const name = host.randomId()
      begun.set(session.id, { name, at: host.elapsedMs() })
      log('session-open', { session: name, protocol: session.protocol })
      return onSession?.(session)
    },
    onEnd(session, ending) {
      const known = begun.get(session.id)
      begun.delete(session.id)
      const durationMs = known ? Math.round(host.elapsedMs() - known.at) : null
      log('session-end', { session: known?.name ?? null, by: ending.by, code: ending.code, durationMs })
      return onEnd?.(session, ending)
    },
  }
}
