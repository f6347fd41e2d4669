import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { until } from './until.ts'

/** Waits until the visible text of the elements found by the selector matches. */
export async function says(page: Page, selector: string, expected: RegExp): Promise<void> {
  let last = ''
  await until(async () => {
    // If the page is navigating at this moment, it is read again.
    const texts = await page
      .locator(selector)
      .filter({ visible: true })
      .allInnerTexts()
      .catch(() => [])
    last = texts.join('\n')
    return expected.test(last)
  }, `${selector} does not say ${expected}`).catch((error) => {
    throw new Error(`${error.message}; it says ${last}`)
  })
}

/** Saves a screenshot if SCREENSHOTS names a folder, for developers who change an example. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) })
}
