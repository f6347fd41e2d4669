import type { TabPlace } from './engines.ts'

/** The part of a browser context that Playwright and Puppeteer have in common and tabs need. */
interface Context {
  newPage(): Promise<{
    goto(url: string): Promise<unknown>
    evaluate(run: never, argument: never): Promise<unknown>
    close(): Promise<void>
  }>
  close(): Promise<void>
}

/** The tabs of one context, which share locks, storage and channels of an origin. */
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
