import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { Settings } from '../client/settings.ts'
import type { Attempts, AttemptsPort } from './attempts.ts'
import { unsettled } from './dialer.ts'
import { initialState, type Policy, type State } from './machine/state.ts'
import { at, rankingOf } from './machine/transport-ranking.ts'
import { recall } from './transport-memory.ts'

/** What the machine has to know of this client's settings, and whom it asks what a failure means. */
export function policyOf({ host, settings, classifier, prepare }: AttemptsPort, attempts: Attempts): Policy {
  const { endpoints, mode } = settings
  return {
    connectTimeoutMs: settings.connectTimeoutMs,
    provingMs: settings.provingMs,
    raceAfterMs: settings.raceAfterMs,
    retry: settings.retry,
    ranked: endpoints.map(({ transport }, rank) => ({
      // Where the URL is relative, it is not known before the first dial.
      get origin() {
        return at(endpoints, rank).url.origin
      },
      isProvenByHearing: !!transport.isProvenByHearing,
      isPolling: !!transport.isPolling,
      canPing: !!transport.canPing && mode.canPing,
      isProvenByReply: !!transport.canPing && mode.isProvenByReply,
      resumes: mode.resumes(transport.type),
    })),
    heartbeat: () => mode.heartbeat(),
    graceMs: () => mode.graceMs(),
    prepares: !!(prepare || mode.admit),
    random: () => host.random(),
    diagnose: (report, { id, rank }, phase, elapsedMs) => {
      const { url, hasHeard, link } = attempts.about(id) ?? {}
      const seen = { ...(url && { url }), ...(hasHeard !== undefined && { hasHeard }) }
      // What has not been dialled yet waits for `prepare()`.
      const isUnprepared = !!prepare && link === null && report.kind === 'timeout'
      const told: Report = isUnprepared ? unsettled(elapsedMs) : report
      return classifier.classify(told, {
        endpoint: at(endpoints, rank),
        phase: isUnprepared ? 'prepare' : phase,
        elapsedMs,
        ...seen,
      })
    },
  }
}

/** The state of a client that has not connected yet, with what this browser remembers of the transports. */
export function firstState(settings: Settings, host: Host): State {
  const memory = recall(settings, host)
  const roundTripMs = memory?.roundTripMs ?? host.roundTripMs(settings.url) ?? null
  const ranking = rankingOf(settings.endpoints.length, memory)
  return initialState(ranking, host.isOnline(), host.isHidden(), roundTripMs, host.now())
}
