import { expect } from 'vitest'
import type { RealtimeEvent } from '../../src/api/events.ts'
import type { RealtimeOptions } from '../../src/api/options.ts'
import { RealtimeClient } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { eventTypes } from './client-bench.ts'
import { type HandNetwork, handNetwork } from './hand-network.ts'
import { type ManualHostOptions, type ManualPage, manualPage } from './manual-host.ts'
import { Questions } from './questions.ts'

export interface SessionClientBench extends ManualPage {
  readonly client: RealtimeClient
  /** The follow-up questions about failures, if the options enable them. */
  readonly questions: Questions
  readonly network: HandNetwork
  readonly events: readonly RealtimeEvent[]
  of<Type extends RealtimeEvent['type']>(type: Type): Extract<RealtimeEvent, { readonly type: Type }>[]
  /** The events since the last call, in short form. */
  news(): string[]
  /** Asserts that a closed client has left no timer, listener, socket or request behind. */
  expectNothingLeft(): void
}

/** A client in a session on a fake page, whose server is the test. */
export function sessionClient(options: RealtimeOptions = {}, hostOptions: ManualHostOptions = {}): SessionClientBench {
  const page = manualPage({ random: 'seeded', ...hostOptions })
  const network = handNetwork()
  const questions = new Questions()
  const client = new RealtimeClient('https://api.example/realtime', {
    probe: false,
    protocol: session(),
    transports: ['websocket'],
    ...options,
    host: {
      ...page.host,
      ...network.host,
      // Requests of a session have a body, follow-up questions have none.
      fetch: (url, init) => (init.body === undefined ? questions : network.host).fetch(url, init),
      ...options.host,
    },
  })
  const events: RealtimeEvent[] = []
  for (const type of [...eventTypes, 'gap'] as const) client.addEventListener(type, (event) => void events.push(event))
  let told = 0
  return {
    ...page,
    client,
    questions,
    network,
    events,
    of<Type extends RealtimeEvent['type']>(type: Type) {
      return events.filter((event): event is Extract<RealtimeEvent, { readonly type: Type }> => event.type === type)
    },
    news() {
      const from = told
      told = events.length
      return events.slice(from).flatMap((event) => wordsOf(event) ?? [])
    },
    expectNothingLeft() {
      expect(page.clock.pending, 'timers').toBe(0)
      expect(page.listening(), 'listeners to the page').toBe(0)
      expect(network.sockets.filter(({ isClosed }) => !isClosed).length, 'sockets that live').toBe(0)
      const open = network.requests.filter((request) => !request.isAborted && !request.isOver)
      expect(open.length, 'requests that live').toBe(0)
      expect(questions.open.length, 'questions on their way').toBe(0)
      expect(page.reported, 'errors').toEqual([])
    },
  }
}

function wordsOf(event: RealtimeEvent): string | null {
  switch (event.type) {
    case 'open':
      return `open ${event.transport}${event.resumed ? ', resumed' : ''}`
    case 'message':
      return `${event.topic}: ${event.data}`
    case 'error':
      return `error ${event.diagnosis.cause}${event.undelivered ? `, undelivered ${event.undelivered}` : ''}`
    case 'close':
      return `close ${event.code}${event.final ? ', final' : ''}`
    case 'gap':
      return `gap in ${event.topic}: ${event.after} to ${event.resumesAt}`
    case 'transport':
      return `from ${event.from} to ${event.to}`
    case 'diagnosis':
      return `diagnosis ${event.diagnosis.cause}`
    case 'state':
      return null
    default:
      return event satisfies never
  }
}
