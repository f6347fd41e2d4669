import puppeteer from 'puppeteer-core'
import type { Engine } from './engines.ts'

/** Firefox, driven by WebDriver BiDi: it needs no driver of its own. */
export async function launchFirefox(): Promise<Engine> {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: '/usr/bin/firefox-esr',
    headless: true,
    // No lookups by HTTPS, and `offline` is told to pages as it is to people's.
    extraPrefsFirefox: { 'network.trr.mode': 5, 'network.manage-offline-status': true },
  })
  return {
    async open(url) {
      const context = await browser.createBrowserContext()
      const page = await context.newPage()
      await page.goto(url)
      return {
        evaluate: (run, argument) => page.evaluate(run as never, argument as never),
        [Symbol.asyncDispose]: () => context.close(),
      }
    },
    [Symbol.asyncDispose]: () => browser.close(),
  }
}
