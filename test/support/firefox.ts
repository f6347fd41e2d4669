import puppeteer from 'puppeteer-core'
import { tabsOf } from './browser-tabs.ts'
import type { Engine, PageWithSwitch } from './engines.ts'

export interface FirefoxOptions {
  /** The folder of its profile. Default: one of its own, which is gone with it. */
  readonly userDataDir?: string
  readonly prefs?: Readonly<Record<string, unknown>>
}

/** Firefox, driven by WebDriver BiDi: it needs no driver of its own. */
export async function launchFirefox({
  userDataDir,
  prefs,
}: FirefoxOptions = {}): Promise<Engine & { open(url: string): Promise<PageWithSwitch> }> {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: '/usr/bin/firefox-esr',
    headless: true,
    ...(userDataDir !== undefined && { userDataDir }),
    // No lookups by HTTPS, and `offline` is told to pages as it is to people's.
    extraPrefsFirefox: { 'network.trr.mode': 5, 'network.manage-offline-status': true, ...prefs },
  })
  return {
    async open(url) {
      const context = await browser.createBrowserContext()
      const page = await context.newPage()
      await page.goto(url)
      return {
        evaluate: (run, argument) => page.evaluate(run as never, argument as never),
        setOffline: (isOffline) => page.setOfflineMode(isOffline),
        [Symbol.asyncDispose]: () => context.close(),
      }
    },
    openTabs: async () => tabsOf(await browser.createBrowserContext()),
    [Symbol.asyncDispose]: () => browser.close(),
  }
}
