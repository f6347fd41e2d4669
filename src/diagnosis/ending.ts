import type { Diagnosis } from './diagnose.ts'

/** How a connection ended, in the terms of RFC 6455 §7.1.5 for all transports. */
export interface Ending {
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
}

const lost: Ending = { code: 1006, reason: '', wasClean: false }

/** Returns the close code for a diagnosis: 4000 + s for an HTTP status s (a private-use range), 1006 for a lost connection. */
export function endingOf({ evidence }: Diagnosis): Ending {
  switch (evidence.kind) {
    case 'closed':
      return { code: evidence.code, reason: evidence.reason, wasClean: evidence.wasClean }
    case 'answered':
      return { code: 4000 + evidence.status, reason: '', wasClean: true }
    case 'ended':
      return evidence.isCutOff ? lost : { code: 1005, reason: '', wasClean: true }
    case 'stopped':
      return { code: 1000, reason: '', wasClean: true }
    case 'hidden':
    case 'unread':
      return { code: 1001, reason: '', wasClean: true }
    default:
      return lost
  }
}
