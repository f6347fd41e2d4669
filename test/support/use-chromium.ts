import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { findChromium, launchChromium } from './chromium.ts'
import { isEquippedWith, want } from './equipment.ts'

/**
 * The browser of a test file or of a `describe`: started before its first test, closed after its last. Without a
 * browser on the machine the tests are skipped. Call it before the hooks that need the browser.
 */
export function useChromium(started: (browser: Browser) => void, launch: () => Promise<Browser> = launchChromium): void {
  let browser: Browser | undefined
  beforeAll(async () => {
    if (!(await isEquippedWith('a Chromium'))) return
    browser = await launch()
    started(browser)
  }, 180_000)
  beforeEach((context) => want(context, 'a Chromium'))
  afterAll(() => browser?.close())
}

/** A Chromium with its back/forward cache, which Playwright disables. */
export async function launchWithPageCache(): Promise<Browser> {
  const { executablePath, env } = await findChromium()
  return chromium.launch({
    executablePath,
    env: { ...process.env, ...env },
    args: ['--no-sandbox', '--disable-gpu'],
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  })
}
