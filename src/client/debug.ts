import type { RealtimeEvent, Retry } from '../api/events.ts'
import type { Host } from '../api/host.ts'
import type { CoreOptions } from '../api/options.ts'
import type { Diagnosis } from '../diagnosis/diagnose.ts'

/**
 * Prints the lines of the option `debug`: one for each event, with the transport, the attempt, the cause and the next retry. They
 * contain no payload, topic, id, URL or message text, so nothing that may be secret.
 */
export class DebugLines {
  readonly #print: ((line: string) => void) | null
  readonly #host: Host
  /** The attempt that the current events belong to: 0 for the first connect, n for the n-th retry. */
  #attempt = 0

  constructor(debug: CoreOptions<unknown, unknown>['debug'], host: Host) {
    this.#print = debug === true ? (line) => host.log('debug', line) : debug || null
    this.#host = host
  }

  print(event: RealtimeEvent<'*', unknown, unknown>): void {
    if (this.#print) this.note([event.type, ...this.#wordsOf(event)].filter((word) => word !== '').join(', '))
  }

  /** Prints a line that is not an event. */
  note(line: string): void {
    try {
      this.#print?.(`steadfast: ${line}`)
    } catch (error) {
      this.#host.report(error)
    }
  }

  #wordsOf(event: RealtimeEvent<'*', unknown, unknown>): readonly string[] {
    switch (event.type) {
      case 'open':
        this.#attempt = event.attempt
        return [event.transport, this.#number, `took ${event.elapsedMs} ms`, event.resumed ? 'resumed' : '']
      case 'message':
        return [event.transport]
      case 'error': {
        const { scope, diagnosis, retry, undelivered, unconfirmed } = event
        return [
          scope,
          diagnosis.evidence.transport,
          this.#number,
          causeOf(event),
          undelivered ? `${undelivered.length} undelivered` : '',
          unconfirmed ? `${unconfirmed.length} unconfirmed` : '',
          nextTry(retry),
        ]
      }
      case 'close':
        return [`code ${event.code}`, this.#number, causeOf(event), event.final ? 'final' : nextTry(event.retry)]
      case 'transport':
        return [`${event.from} to ${event.to}`]
      case 'gap':
        return [`after ${event.after ?? 'a new log'}, resumes at ${event.resumesAt ?? 'an unknown place'}`]
      case 'diagnosis':
        return [event.diagnosis.evidence.transport, causeOf(event)]
      case 'state': {
        const { state } = event
        if (state.status === 'connecting') this.#attempt = state.attempt
        switch (state.status) {
          case 'connecting':
            return [state.status, state.transports.join(' and '), this.#number]
          case 'open':
            return [state.status, state.transport, state.proven ? 'proven' : '']
          case 'waiting':
          case 'offline':
            return [state.status, causeOf(state), nextTry(state.retry)]
          case 'idle':
            return [state.status]
          case 'closed':
            return [state.status, causeOf(state)]
          default:
            return state satisfies never
        }
      }
      default:
        return event satisfies never
    }
  }

  get #number(): string {
    return `attempt ${this.#attempt}`
  }
}

/** Returns the console message for a client that has given up and has no `error` listener. */
export function finalErrorLine({ cause, message, remedy = 'docs/DIAGNOSES.md explains the cause' }: Diagnosis): string {
  return `steadfast: the client has given up (${cause}). ${message} What to do: ${remedy}`
}

function causeOf({ diagnosis }: { readonly diagnosis: { readonly cause: string; readonly certainty: string } | null }): string {
  return diagnosis ? `${diagnosis.cause} (${diagnosis.certainty})` : ''
}

function nextTry(retry: Retry | null): string {
  if (!retry) return ''
  return `next try ${retry.attempt} ${retry.delayMs ? `in ${retry.delayMs} ms` : 'at once'}`
}
