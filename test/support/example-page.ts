import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { until } from './until.ts'

/** Waits until what the selector finds says this, as far as it is visible. */
export async function says(page: Page, selector: string, expected: RegExp): Promise<void> {
  let last = ''
  await until(async () => {
    // A page that navigates at this moment is asked again.
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

/** Where SCREENSHOTS names a folder, what the page looks like now, for whoever changes an example. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) })
}
