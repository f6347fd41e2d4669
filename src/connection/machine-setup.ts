import type { Report } from '../api/evidence.ts'
import type { Host } from '../api/host.ts'
import type { Settings } from '../client/settings.ts'
import type { Attempts, AttemptsPort } from './attempts.ts'
import { unsettled } from './dialer.ts'
import { initialState, type Policy, type State } from './machine/state.ts'
import { atRank, rankingOf } from './machine/transport-ranking.ts'
import { recall } from './transport-memory.ts'

/** Returns the machine's policy: this client's settings, and the function that diagnoses failures. */
export function policyOf({ host, settings, classifier, prepare }: AttemptsPort, attempts: Attempts): Policy {
  const { endpoints, mode } = settings
  return {
    connectTimeoutMs: settings.connectTimeoutMs,
    provingMs: settings.provingMs,
    raceAfterMs: settings.raceAfterMs,
    retry: settings.retry,
    ranked: endpoints.map(({ transport, url }) => ({
      // A relative URL may not be resolvable before the first dial.
      origin: () => url.get().origin,
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
      // An attempt without a link is still waiting for `prepare()`.
      const isUnprepared = !!prepare && link === null && report.kind === 'timeout'
      const actual: Report = isUnprepared ? unsettled(elapsedMs) : report
      return classifier.classify(actual, {
        endpoint: atRank(endpoints, rank),
        phase: isUnprepared ? 'prepare' : phase,
        elapsedMs,
        ...seen,
      })
    },
  }
}

/** Returns the initial state of a client, with the ranking from the transport memory. */
export function firstState(settings: Settings, host: Host): State {
  const memory = recall(settings, host)
  const roundTripMs = memory?.roundTripMs ?? host.roundTripMs(settings.url.get()) ?? null
  const ranking = rankingOf(settings.endpoints.length, memory)
  return initialState(ranking, host.isOnline(), host.isHidden(), roundTripMs, host.now())
}
