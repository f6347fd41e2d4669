import type { Browser, Page } from 'playwright-core'
import { type PageOptions, startPageServer } from './page-host.ts'

export interface ConsoleLine {
  /** `'log'`, `'warning'`, `'error'` and so on. Messages of the browser itself (of a failed request, say) are `'error'`s. */
  readonly type: string
  readonly text: string
}

export interface OpenPageOptions extends PageOptions {
  /** An origin that serves the page itself, so that its realtime URL is of the same origin. Default: a server for this page alone. */
  readonly origin?: string | undefined
  /** Which page of that origin. */
  readonly path?: string
}

export interface OpenedPage extends AsyncDisposable {
  readonly page: Page
  readonly origin: string
  /** Everything written to the console, by the page or the browser. */
  readonly console: readonly ConsoleLine[]
  /** Uncaught errors and unhandled rejections. */
  readonly errors: readonly string[]
  /** The violations of the Content-Security-Policy: the directive and the blocked URL. */
  violations(): Promise<readonly string[]>
  close(): Promise<void>
}

/** Opens a blank page, in a context of its own, that has loaded the script by a script tag. */
export async function openPage(browser: Browser, { origin, path = '/', script, csp }: OpenPageOptions = {}): Promise<OpenedPage> {
  const host = origin === undefined ? await startPageServer({ script, csp }) : undefined
  const context = await browser.newContext()
  const page = await context.newPage()
  const lines: ConsoleLine[] = []
  const errors: string[] = []
  page.on('console', (message) => lines.push({ type: message.type(), text: message.text() }))
  page.on('pageerror', (error) => errors.push(String(error.stack ?? error)))
  await page.addInitScript(() => {
    const struck: string[] = []
    Object.assign(globalThis, { violationsSeen: struck })
    addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
      struck.push(`${effectiveDirective} ${blockedURI}`),
    )
  })

  const opened: OpenedPage = {
    page,
    origin: origin ?? host?.origin ?? '',
    console: lines,
    errors,
    violations: () => page.evaluate(() => (globalThis as unknown as { violationsSeen: string[] }).violationsSeen),
    async close() {
      await context.close()
      host?.close()
    },
    [Symbol.asyncDispose]: () => opened.close(),
  }
  await page.goto(`${opened.origin}${path}`, { waitUntil: 'load' })
  return opened
}
