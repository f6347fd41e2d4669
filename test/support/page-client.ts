import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Page } from 'playwright-core'
import { vi } from 'vitest'
import type * as Package from '../../src/everything.ts'
import type { ClientState, RealtimeOptions } from '../../src/index.ts'
import type { EnginePage } from './engines.ts'

/** The built script file with all modes. */
export const SCRIPT = resolve(import.meta.dirname, '../../dist/steadfast.session.min.js')
if (!existsSync(SCRIPT)) throw new Error(`MISSING: ${SCRIPT}; run \`npm run build\` first`)

/** The events of a client in a page so far, as plain data. */
export interface PageClientLog {
  readonly state: ClientState
  readonly data: readonly (string | number[])[]
  readonly ids: readonly string[]
  /** The transport of each message. */
  readonly carriers: readonly string[]
  readonly opened: readonly string[]
  readonly resumed: readonly boolean[]
  /** `from>to` of each move. */
  readonly moves: readonly string[]
  readonly causes: readonly string[]
  readonly closes: readonly { readonly code: number; readonly final: boolean }[]
}

/** Options as plain data: the page itself creates the `session()` protocol. */
export type PageOptions = Omit<RealtimeOptions, 'protocol'> & { readonly protocol?: 'plain' | 'session' }

/** The globals of a page with a client, for use inside `evaluate`. */
export interface PageGlobals {
  readonly Steadfast: typeof Package
  client: Package.RealtimeClient
  log: Omit<PageClientLog, 'state'>
  /** Default options that are not plain data, for every client created afterwards. */
  defaults?: RealtimeOptions
}

/** Creates a client in the page that records its events. The options must be plain data. */
export async function startInPage(page: Page, url: string, options: PageOptions = {}): Promise<void> {
  await page.evaluate(
    ([url, options]) => {
      const scope = globalThis as unknown as PageGlobals
      const log = {
        data: [] as (string | number[])[],
        ids: [] as string[],
        carriers: [] as string[],
        opened: [] as string[],
        resumed: [] as boolean[],
        moves: [] as string[],
        causes: [] as string[],
        closes: [] as { code: number; final: boolean }[],
      }
      const { protocol, ...given } = JSON.parse(options)
      const mode = protocol === 'session' ? { protocol: scope.Steadfast.session() } : {}
      const client = new scope.Steadfast.RealtimeClient(url, { ...scope.defaults, ...given, ...mode })
      client.addEventListener('message', ({ data, id, transport }) => {
        log.data.push(typeof data === 'string' ? data : [...new Uint8Array(data)])
        log.ids.push(id)
        log.carriers.push(transport)
      })
      client.addEventListener('open', ({ transport, resumed }) => {
        log.opened.push(transport)
        log.resumed.push(resumed)
      })
      client.addEventListener('transport', ({ from, to }) => log.moves.push(`${from}>${to}`))
      client.addEventListener('error', ({ diagnosis }) => log.causes.push(diagnosis.cause))
      client.addEventListener('close', ({ code, final }) => log.closes.push({ code, final }))
      Object.assign(scope, { client, log })
    },
    [url, JSON.stringify(options)] as const,
  )
}

export function logOf(page: Page): Promise<PageClientLog> {
  return page.evaluate(() => {
    const { client, log } = globalThis as unknown as PageGlobals
    return { ...log, state: client.state }
  })
}

/** Resolves with the log once it satisfies the assertion. */
export async function until(page: Page, assertion: (log: PageClientLog) => void, timeoutMs = 10_000): Promise<PageClientLog> {
  return vi.waitFor(
    async () => {
      const log = await logOf(page)
      try {
        assertion(log)
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.message : error}\nthe log: ${JSON.stringify(log).slice(0, 1500)}`)
      }
      return log
    },
    { timeout: timeoutMs, interval: 25 },
  )
}

export function send(page: Page, ...messages: readonly string[]): Promise<void> {
  return page.evaluate((messages) => {
    for (const message of messages) (globalThis as unknown as PageGlobals).client.send(message)
  }, messages)
}

export function closeInPage(page: Pick<EnginePage, 'evaluate'>): Promise<unknown> {
  return page.evaluate(() => (globalThis as unknown as PageGlobals).client.close())
}
