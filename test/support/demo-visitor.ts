import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { expect, vi } from 'vitest'
import { openPage } from './browser-page.ts'
// Throws with the remedy if the package has not been built.
import './page-client.ts'

/** A visitor of the demo: presses its buttons, sends chat messages, and reads the page. */

const artifacts = resolve(import.meta.dirname, '../artifacts')
const ways = ['down', 'up'] as const

/** Opens a page as a visitor of its own, connected over WebSocket. Its disposal fails if there were unexpected errors. */
export async function visitDemo(browser: Browser, origin: string, path: '/' | '/plain' = '/') {
  const opened = await openPage(browser, { origin, path })
  const { page } = opened
  const visitor = {
    page,
    // A transport that is only being dialled is named there too, hence the status.
    carriedBy: (name: string, timeout = 10_000) => waitForText(page, '[data-status="open"] #carrier', name, timeout),
    press: (name: string) => page.getByRole('button', { name }).click({ timeout: 10_000 }),
    /** Waits for this text in the diagnosis panel; the details of each cause count whether they are open or not. */
    explains: (pattern: RegExp, timeout?: number) => waitForText(page, '#diagnosis', pattern, timeout),
    async say(text: string) {
      await page.getByLabel('Your message').fill(text)
      await visitor.press('Send')
    },
    /** Waits for this fate of the visitor's last line; works only while nobody else has sent a line since. */
    fate: (pattern: RegExp) => waitForText(page, '.line.mine:last-of-type .fate', pattern),
    /** Waits until all messages both ways have arrived; asserts that none was lost, repeated or out of order. */
    async lostNothing() {
      const counts = path === '/' ? ways.map((way) => `#${way}-count`) : ['#received']
      for (const count of counts) await waitForText(page, count, /^([2-9]\d|\d{3}|[\d,]{5,})$/)
      if (path === '/') await waitForText(page, '#told', /^[0-4] on the way up/)
      const zeros =
        path === '/' ? ways.flatMap((way) => [`#${way}-lost`, `#${way}-repeated`, `#${way}-astray`]) : ['#missing', '#twice']
      expect(await texts(page, zeros)).toEqual(zeros.map(() => '0'))
    },
    async [Symbol.asyncDispose]() {
      const violations = await opened.violations()
      await opened.close()
      expect(violations).toEqual([])
      expect(opened.errors).toEqual([])
      // The browser always logs refused connections, and messages sent while a Close frame is being answered.
      const usual = /^(Failed to load resource|WebSocket connection to|WebSocket is already in CLOSING or CLOSED state)/
      const complaints = opened.console.filter(({ text }) => !usual.test(text))
      expect(complaints).toEqual([])
    },
  }
  await visitor.carriedBy('WebSocket')
  return visitor
}

export function texts(page: Page, selectors: readonly string[]) {
  return Promise.all(selectors.map(async (selector) => (await page.locator(selector).textContent({ timeout: 3000 }))?.trim()))
}

export function waitForText(page: Page, selector: string, wanted: string | RegExp, timeout = 10_000) {
  return vi.waitFor(
    async () => {
      const [text] = await texts(page, [selector])
      if (typeof wanted === 'string') expect(text).toBe(wanted)
      else expect(text).toMatch(wanted)
    },
    { timeout, interval: 50 },
  )
}

interface Look {
  readonly width: number
  readonly height: number
  readonly colorScheme: 'light' | 'dark'
}

/** Takes a screenshot for people to look at; asserts only that nothing is wider than the window. */
export async function photograph(page: Page, name: string, { width, height, colorScheme }: Look) {
  await page.setViewportSize({ width, height })
  await page.emulateMedia({ colorScheme })
  // The canvases are redrawn within a quarter of a second.
  await sleep(600)
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), name).toBeLessThanOrEqual(0)
  mkdirSync(artifacts, { recursive: true })
  writeFileSync(join(artifacts, '.gitignore'), '*\n')
  await page.screenshot({ path: join(artifacts, `demo-${name}.png`), fullPage: true })
}

/** The state of each transport, best first. */
export function ranks(page: Page) {
  return page.locator('#transports > li').evaluateAll((items) => items.map((item) => (item as HTMLElement).dataset['standing']))
}
