import type { RealtimeOptions } from '../../src/index.ts'
import { type ClientSide, type Lanes, type Progress, startClientSide } from './chaos-run.ts'
import type { EnginePage } from './engines.ts'
import { fastClock } from './fast-clock.ts'
import type { PageGlobals } from './page-client.ts'
import { makeTraffic, type TallyReport } from './traffic.ts'

/** What a page under chaos has reported so far, as plain data. */
export interface PageStory {
  readonly progress: Progress
  readonly reports: readonly TallyReport[]
  readonly state: string
  readonly opened: readonly string[]
  readonly resumed: readonly boolean[]
  readonly moves: readonly string[]
  /** How many messages each transport brought. */
  readonly brought: Readonly<Record<string, number>>
  /** Events that must not happen: gaps, undelivered messages, final closes and uncaught errors. */
  readonly wrongs: readonly string[]
  readonly isSent: boolean
}

interface ChaosGlobals extends PageGlobals {
  side: ClientSide
  story(): PageStory
}

/** Creates a client in the page that sends its lane and checks what arrives. The options must be plain data. */
export async function startChaosInPage(
  page: EnginePage,
  url: string,
  lanes: Lanes,
  { speed, ...options }: RealtimeOptions & { readonly speed: number },
): Promise<void> {
  // These functions use nothing from outside, so their source text can be passed to the page.
  await page.evaluate(
    `Object.assign(globalThis, { makeTraffic: ${makeTraffic}, startClientSide: ${startClientSide}, fastClock: ${fastClock} })`,
  )
  await page.evaluate(
    ([url, lanes, options, speed]) => {
      const scope = globalThis as unknown as ChaosGlobals & {
        makeTraffic: typeof makeTraffic
        startClientSide: typeof startClientSide
        fastClock: typeof fastClock
      }
      const opened: string[] = []
      const resumed: boolean[] = []
      const moves: string[] = []
      const brought: Record<string, number> = {}
      const wrongs: string[] = []
      addEventListener('error', ({ message }) => wrongs.push(message))
      addEventListener('unhandledrejection', ({ reason }) => wrongs.push(`rejected: ${reason}`))
      const host = speed === 1 ? {} : { host: scope.fastClock(speed) }
      const client = new scope.Steadfast.RealtimeClient(url, { ...options, protocol: scope.Steadfast.session(), ...host })
      client.addEventListener('open', (event) => {
        opened.push(event.transport)
        resumed.push(event.resumed)
      })
      client.addEventListener('transport', ({ from, to }) => moves.push(`${from}>${to}`))
      client.addEventListener('message', ({ transport }) => {
        brought[transport] = (brought[transport] ?? 0) + 1
      })
      client.addEventListener('gap', (gap) => wrongs.push(`gap in ${gap.topic} after ${gap.after}, goes on at ${gap.resumesAt}`))
      client.addEventListener('close', ({ code, reason, final }) => {
        if (final) wrongs.push(`ended: ${code} ${reason}`)
      })
      client.addEventListener('error', ({ diagnosis, undelivered, unconfirmed }) => {
        if (undelivered || unconfirmed) wrongs.push(`undelivered: ${diagnosis.cause}`)
      })
      const side = scope.startClientSide(scope.makeTraffic(), client, lanes)
      let isSent = false
      side.sending.then(
        () => {
          isSent = true
        },
        (error: unknown) => wrongs.push(String(error)),
      )
      const story = () => ({
        progress: side.progress,
        reports: side.report(),
        state: JSON.stringify(client.state),
        opened,
        resumed,
        moves,
        brought,
        wrongs,
        isSent,
      })
      Object.assign(scope, { client, side, story })
    },
    [url, lanes, options, speed] as const,
  )
}

export function storyOf(page: EnginePage): Promise<PageStory> {
  return page.evaluate(() => (globalThis as unknown as ChaosGlobals).story())
}
