/**
 * What runs in the page. Each function is given to `evaluate` and stands alone: it sees nothing of this file but types.
 */
import type * as Package from '../../src/everything.ts'
import type { Diagnosis, TransportSettings } from '../../src/index.ts'
import type { FaultTransport } from './fault.ts'

/** One client to be made, as plain data. */
export interface Order {
  readonly id: string
  readonly url: string
  readonly transport: FaultTransport
  readonly settings: Readonly<Record<string, unknown>>
  readonly options: Readonly<Record<string, unknown>>
  readonly isSession: boolean
  /** Only failures of open connections say something. */
  readonly isAfterOpen: boolean
  readonly patienceMs: number
  readonly questionsMs: number
  /** Streams that the page holds by itself. */
  readonly heldUrls: readonly string[]
}

/** Something that the client told. */
export interface Told extends Pick<Diagnosis, 'cause' | 'candidates' | 'certainty' | 'verdict' | 'message' | 'remedy'> {
  readonly type: 'error' | 'diagnosis'
  readonly atMs: number
  readonly evidence: Readonly<Record<string, unknown>>
}

/** What came of an order. */
export interface Story {
  readonly isOpen: boolean
  readonly isSettled: boolean
  readonly told: Told | null
  readonly all: readonly Told[]
}

/** Makes the client and does not wait for it; `storyOf` tells how it went. */
export async function begin(order: Order): Promise<void> {
  const scope = globalThis as unknown as { Steadfast: typeof Package; stories?: Record<string, () => Story> }
  const { transport, isAfterOpen, isSession, patienceMs, questionsMs } = order
  const held = new AbortController()
  // Requests with and without cookies do not share their connections.
  const credentials = isSession ? 'include' : 'same-origin'
  await Promise.all(order.heldUrls.map((url) => fetch(url, { credentials, signal: held.signal })))
  const quietMs = 300
  const since = performance.now()
  const all: Told[] = []
  let isSettled = false
  let isOpen = false
  let reopenedAt = Infinity
  let firstErrorAt = Infinity
  let latestAt = 0

  const client = new scope.Steadfast.RealtimeClient(order.url, {
    retry: () => 300,
    connectTimeoutMs: 3000,
    protocol: isSession ? scope.Steadfast.session() : 'plain',
    ...order.options,
    transports: [{ ...order.settings, type: transport } as TransportSettings],
  })
  client.addEventListener('open', () => {
    if (isOpen && all.length > 0) reopenedAt = Math.min(reopenedAt, performance.now())
    isOpen = true
  })
  client.addEventListener('error', ({ diagnosis }) => add('error', diagnosis))
  // Raised when a follow-up question has refined an earlier verdict.
  client.addEventListener('diagnosis', ({ diagnosis }) => add('diagnosis', diagnosis))
  const timer = setInterval(check, 50)
  scope.stories ??= {}
  scope.stories[order.id] = () => ({ isOpen, isSettled, told: told() ?? null, all })

  function add(type: Told['type'], diagnosis: Diagnosis): void {
    latestAt = performance.now()
    if (type === 'error') firstErrorAt = Math.min(firstErrorAt, latestAt)
    if (!isSettled) all.push({ type, atMs: Math.round(latestAt - since), ...JSON.parse(JSON.stringify(diagnosis)) })
    check()
  }

  /** What says something of the fault. */
  function telling(): Told[] {
    return all.filter(({ evidence }) => evidence['transport'] === transport && (!isAfterOpen || evidence['phase'] === 'open'))
  }

  /** The last word; what was certain is not taken back by what is not. */
  function told(): Told | undefined {
    const said = telling()
    return said.findLast(({ certainty }) => certainty === 'certain') ?? said.at(-1)
  }

  function check(): void {
    if (isSettled || !(told()?.certainty === 'certain' || isOver())) return
    isSettled = true
    clearInterval(timer)
    held.abort()
    client.close()
  }

  function isOver(): boolean {
    const now = performance.now()
    if (now - since > patienceMs) return true
    if (now - latestAt < quietMs || !told()) return false
    // What is to be told of may have begun with the loss of a connection.
    const errors = telling().filter(({ type, evidence }) => type === 'error' && (isAfterOpen || evidence['phase'] !== 'open'))
    const { kind, phase } = errors[0]?.evidence ?? {}
    // Of what ended while it was open nobody is asked anything.
    const isAsked = phase !== 'open' || kind === 'silent'
    const hasRefined = telling().some(({ type }) => type === 'diagnosis')
    if (errors.length > 1 && hasRefined) return true
    // On its return a session may be told how it ended.
    if (isAfterOpen && isSession && !isAsked) return now - reopenedAt > 3000
    if (!isAsked) return errors.length > 1 && now - firstErrorAt > 1500
    return errors.length > 2 && now - firstErrorAt > questionsMs
  }
}

/** How it went so far, as JSON: a driver may not carry what is in it twice. */
export function storyOf(id: string): string {
  const { stories } = globalThis as unknown as { stories: Record<string, () => Story> }
  const story = stories[id]
  if (!story) throw new Error(`there is no story ${id}`)
  return JSON.stringify(story())
}
