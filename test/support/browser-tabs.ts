import type { TabPlace } from './engines.ts'

/** What Playwright and Puppeteer both call a browser context, as far as tabs need it. */
interface Context {
  newPage(): Promise<{
    goto(url: string): Promise<unknown>
    evaluate(run: never, argument: never): Promise<unknown>
    close(): Promise<void>
  }>
  close(): Promise<void>
}

/** The tabs of one context, which share what the browser keeps for an origin. */
export function tabsOf(context: Context): TabPlace {
  return {
    async open(url) {
      const page = await context.newPage()
      await page.goto(url)
      return {
        evaluate: (run, argument) => page.evaluate(run as never, argument as never) as Promise<never>,
        [Symbol.asyncDispose]: () => page.close(),
      }
    },
    [Symbol.asyncDispose]: () => context.close(),
  }
}
