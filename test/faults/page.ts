/**
 * The code that runs in the page. Each function is passed to `evaluate`, so it uses nothing from this file but types.
 */
import type * as Package from '../../src/everything.ts'
import type { Diagnosis, TransportSettings } from '../../src/index.ts'
import type { FaultTransport } from './fault.ts'

/** The description of one client, as plain data. */
export interface Order {
  readonly id: string
  readonly url: string
  readonly transport: FaultTransport
  readonly settings: Readonly<Record<string, unknown>>
  readonly options: Readonly<Record<string, unknown>>
  readonly isSession: boolean
  /** Whether only failures of open connections count. */
  readonly isAfterOpen: boolean
  readonly patienceMs: number
  readonly questionsMs: number
  /** URLs that the page requests and keeps open itself. */
  readonly heldUrls: readonly string[]
}

/** One diagnosis of the client. */
export interface Told extends Pick<Diagnosis, 'cause' | 'candidates' | 'certainty' | 'verdict' | 'message' | 'remedy'> {
  readonly type: 'error' | 'diagnosis'
  readonly atMs: number
  readonly evidence: Readonly<Record<string, unknown>>
}

/** The progress of an order. */
export interface Story {
  readonly isOpen: boolean
  readonly isSettled: boolean
  readonly told: Told | null
  readonly all: readonly Told[]
}

/** Creates the client without waiting for it; `storyOf` returns its progress. */
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

  /** The diagnoses that concern the fault. */
  function telling(): Told[] {
    return all.filter(({ evidence }) => evidence['transport'] === transport && (!isAfterOpen || evidence['phase'] === 'open'))
  }

  /** The last diagnosis, or the last certain one if there is one. */
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
    // The fault may have started with the loss of an open connection.
    const errors = telling().filter(({ type, evidence }) => type === 'error' && (isAfterOpen || evidence['phase'] !== 'open'))
    const { kind, phase } = errors[0]?.evidence ?? {}
    // A connection that ended while it was open prompts no follow-up questions, unless it was silent.
    const isAsked = phase !== 'open' || kind === 'silent'
    const hasRefined = telling().some(({ type }) => type === 'diagnosis')
    if (errors.length > 1 && hasRefined) return true
    // When it reconnects, a session may learn from the server how the previous connection ended.
    if (isAfterOpen && isSession && !isAsked) return now - reopenedAt > 3000
    if (!isAsked) return errors.length > 1 && now - firstErrorAt > 1500
    return errors.length > 2 && now - firstErrorAt > questionsMs
  }
}

/** The progress so far as JSON, since some drivers do not transfer an object that is referenced twice. */
export function storyOf(id: string): string {
  const { stories } = globalThis as unknown as { stories: Record<string, () => Story> }
  const story = stories[id]
  if (!story) throw new Error(`there is no story ${id}`)
  return JSON.stringify(story())
}
