import { expect } from 'vitest'
import type { EventType, RealtimeEvent } from '../../src/api/events.ts'
import type { RealtimeOptions } from '../../src/api/options.ts'
import { RealtimeClient } from '../../src/index.ts'
import { type Behaviour, FakeTransport } from './fake-transport.ts'
import { type ManualHostOptions, type ManualPage, manualPage } from './manual-host.ts'
import { Questions } from './questions.ts'

export const eventTypes: readonly EventType[] = ['open', 'message', 'error', 'close', 'transport', 'diagnosis', 'state']

type Servers = Readonly<Record<string, Behaviour>>

export interface Bench extends ManualPage {
  readonly client: RealtimeClient
  /** The follow-up questions about failures, if the options enable them. */
  readonly questions: Questions
  /** All events, as `<time> <event>`. */
  readonly timeline: string[]
  /** The entries added to the timeline since the last call. */
  news(): string[]
  transport(type: string): FakeTransport
  /** Asserts that a closed client has left no timer, listener or dial behind. */
  expectNothingLeft(): void
}

/** A client on a fake page, with a fake server for each of its transports. */
export function benchOf(servers: Servers, options: RealtimeOptions = {}, hostOptions: ManualHostOptions = {}): Bench {
  const page = manualPage(hostOptions)
  const questions = new Questions()
  const transports = Object.entries(servers).map(([type, behaviour]) => new FakeTransport(type, behaviour))
  const client = new RealtimeClient('https://api.example/realtime?token=secret', {
    probe: false,
    transports,
    ...options,
    host: { ...page.host, fetch: questions.fetch, ...options.host },
  })
  const timeline: string[] = []
  for (const type of eventTypes) {
    client.addEventListener(type, (event) => void timeline.push(`${page.clock.now()} ${wordsOf(event)}`))
  }
  let told = 0
  return {
    ...page,
    client,
    questions,
    timeline,
    news() {
      const from = told
      told = timeline.length
      return timeline.slice(from)
    },
    transport(type) {
      const transport = transports.find((each) => each.type === type)
      if (!transport) throw new Error(`There is no ${type}.`)
      return transport
    },
    expectNothingLeft() {
      expect(page.clock.pending, 'timers').toBe(0)
      expect(page.listening(), 'listeners to the page').toBe(0)
      const dials = transports.flatMap((transport) => transport.dials)
      expect(dials.filter((dial) => !dial.isHungUp).length, 'dials that live').toBe(0)
      expect(questions.open.length, 'questions on their way').toBe(0)
      expect(page.reported, 'errors').toEqual([])
    },
  }
}

function wordsOf(event: RealtimeEvent): string {
  const list = (name: string, values: readonly unknown[] | undefined) => (values ? `, ${name} ${values.join(' ')}` : '')
  switch (event.type) {
    case 'open':
      return `open ${event.transport}${event.resumed ? ', resumed' : ''}, attempt ${event.attempt}, took ${event.elapsedMs}`
    case 'message':
      return `message ${event.data}`
    case 'error': {
      const { diagnosis, retry, undelivered, unconfirmed } = event
      const again = retry ? `, again at ${retry.at}` : ''
      return `error ${diagnosis.cause}${again}${list('undelivered', undelivered)}${list('unconfirmed', unconfirmed)}`
    }
    case 'close':
      return `close ${event.code}${event.retry ? `, again at ${event.retry.at}` : ''}${event.final ? ', final' : ''}`
    case 'gap':
      return `gap ${event.topic} ${event.after} ${event.resumesAt}`
    case 'transport':
      return `transport ${event.from} to ${event.to}`
    case 'diagnosis':
      return `diagnosis ${event.diagnosis.cause}`
    case 'state': {
      const { state } = event
      const more =
        state.status === 'connecting'
          ? ` ${state.transports.join(' ')}`
          : state.status === 'open' && state.proven
            ? ' proven'
            : ''
      return `state ${state.status}${more}`
    }
    default:
      return event satisfies never
  }
}
