import puppeteer from 'puppeteer-core'
import { tabsOf } from './browser-tabs.ts'
import type { Engine, PageWithSwitch } from './engines.ts'

export interface FirefoxOptions {
  /** The folder of its profile. Default: a temporary one, removed with it. */
  readonly userDataDir?: string
  readonly prefs?: Readonly<Record<string, unknown>>
}

/** Firefox, driven by WebDriver BiDi, which needs no driver process. */
export async function launchFirefox({
  userDataDir,
  prefs,
}: FirefoxOptions = {}): Promise<Engine & { open(url: string): Promise<PageWithSwitch> }> {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: '/usr/bin/firefox-esr',
    headless: true,
    ...(userDataDir !== undefined && { userDataDir }),
    // No DNS over HTTPS, and pages get `offline` events as in a normal profile.
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
