import type { RealtimeOptions } from '../../src/api/options.ts'
import type { Diagnosis } from '../../src/diagnosis/diagnose.ts'
import type { RealtimeClient } from '../../src/index.ts'
import { type Bench, benchOf } from './client-bench.ts'
import { type Behaviour, refuses } from './fake-transport.ts'
import type { ManualHostOptions } from './manual-host.ts'

/** A client with follow-up questions, and its diagnoses. */
export interface Investigated extends Bench {
  /** The diagnoses of all errors, in order. */
  readonly errors: readonly Diagnosis[]
  /** The refined diagnoses of `diagnosis` events, in order. */
  readonly refined: readonly Diagnosis[]
  /** The cause of each error since the last call; those of refined diagnoses are in brackets. */
  told(): string[]
}

export function investigated(
  servers: Readonly<Record<string, Behaviour>>,
  options: RealtimeOptions = {},
  hostOptions: ManualHostOptions = {},
): Investigated {
  const bench = benchOf(servers, { probe: true, ...options }, hostOptions)
  return { ...bench, ...diagnosesOf(bench.client) }
}

/** A WebSocket server that cannot be reached, or is behind a network that passes HTTP only. */
export const blocked = refuses(1006)

/** A client whose transport, the WebSocket, has failed for the first time. */
export async function failedOnce(...args: Partial<Parameters<typeof investigated>>): Promise<Investigated> {
  const [servers = { websocket: blocked }, ...more] = args
  const bench = investigated(servers, ...more)
  await bench.pass(15)
  return bench
}

/** The same, with the follow-up questions answered: HTTP works. */
export async function failedAndAnswered(...args: Partial<Parameters<typeof investigated>>): Promise<Investigated> {
  const bench = await failedOnce(...args)
  bench.questions.answerAll()
  await bench.pass(0)
  return bench
}

export function diagnosesOf(client: RealtimeClient): Pick<Investigated, 'errors' | 'refined' | 'told'> {
  const errors: Diagnosis[] = []
  const refined: Diagnosis[] = []
  let news: string[] = []
  client.addEventListener('error', ({ diagnosis }) => {
    errors.push(diagnosis)
    news.push(diagnosis.cause)
  })
  client.addEventListener('diagnosis', ({ diagnosis }) => {
    refined.push(diagnosis)
    news.push(`(${diagnosis.cause})`)
  })
  return {
    errors,
    refined,
    told() {
      const told = news
      news = []
      return told
    },
  }
}
