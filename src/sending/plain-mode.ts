import type { Mode } from '../api/mode.ts'
import type { Payload, Protocol } from '../api/protocol.ts'
import { PlainSender } from './plain-sender.ts'

interface PlainHeartbeat {
  readonly message?: Payload | undefined
  readonly reply?: string | undefined
  readonly intervalMs: number
  readonly timeoutMs: number
}

/** Plain mode: any server. Nothing is acknowledged, and only a protocol with a cursor resumes. */
export function plainMode(protocol: Protocol, heartbeat: PlainHeartbeat | null): Mode {
  const canPing = heartbeat?.message !== undefined
  return {
    name: protocol.name,
    protocol,
    credentials: 'same-origin',
    circumstances: {},
    hasLedger: false,
    canPause: false,
    recognizesRepeats: false,
    hasCursor: false,
    canPing,
    isProvenByReply: canPing,
    mistakeIn: ({ auth }) =>
      auth === undefined
        ? undefined
        : 'auth, which only a session has: set protocol to session(), or return query, headers or a greeting',
    sender: (port) => new PlainSender(port),
    heartbeat: () => heartbeat,
    ping: () => heartbeat?.message,
    heartbeatReply: heartbeat?.reply,
    graceMs: () => 0,
    spreadMs: () => null,
    resumes: (transport) => protocol.resumes(transport),
    isResumed: (transport, hasCursor) => hasCursor && protocol.resumes(transport),
    isForgotten: () => false,
    isDivided: () => false,
    lastEnd: () => undefined,
    activated() {},
    authenticated() {},
    fellSilent() {},
    beginsAnewAfter: () => false,
    begin() {},
    end() {},
  }
}
