import type { EventDetails } from '../api/events.ts'
import type { Host } from '../api/host.ts'
import type { SenderPort } from '../api/message-sender.ts'
import type { Connection } from '../connection/connection.ts'
import type { Classifier } from '../diagnosis/classifier.ts'
import type { Settings } from './settings.ts'

/** The parts of a client that its sender needs. */
export interface SendingClient<Out> {
  readonly host: Host
  readonly settings: Settings
  readonly classifier: Classifier
  /** A function, because the sender is created before the connection. */
  connection(): Connection
  /** Prints a line through the option `debug`. */
  note(line: string): void
  raise(type: 'error', details: EventDetails<never, Out>['error']): void
  raise(type: 'gap', details: EventDetails['gap']): void
}

/** Returns the port through which a sender reads and notifies its client. */
export function senderPortOf<Out>({ host, settings, classifier, connection, note, raise }: SendingClient<Out>): SenderPort<Out> {
  return {
    host,
    limits: settings.outbox,
    ttlMs: settings.outbox.ttlMs,
    writeTimeoutMs: settings.connectTimeoutMs,
    onLost: (lost, report) => {
      const diagnosis = classifier.classify(report, { endpoint: connection().endpoint, phase: 'send', elapsedMs: 0 })
      raise('error', { scope: 'message', diagnosis, retry: null, ...lost })
    },
    onSent: () => connection().messageSent(),
    onDue: () => connection().arm(),
    isPageLeaving: () => connection().isLeaving,
    roundTripMs: () => connection().roundTripMs,
    onGap: (gap) => raise('gap', gap),
    onAckOverdue: () => connection().ackOverdue(),
    onDivided: () => connection().notices.divided(),
    onNote: note,
    onBroken: (report) => connection().broke(report),
  }
}
