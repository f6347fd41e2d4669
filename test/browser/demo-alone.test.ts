import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type Demo, startDemo } from '../support/demo.ts'
import { photograph, visitDemo, waitForText } from '../support/demo-visitor.ts'
import { useChromium } from '../support/use-chromium.ts'

/** Faults that affect all visitors of the demo, and screenshots: these tests run one at a time. */

let browser: Browser
let demo: Demo

useChromium((started) => {
  browser = started
})
beforeAll(async () => {
  demo = await startDemo()
}, 180_000)
afterAll(() => demo?.[Symbol.asyncDispose]())

it('a page resumes after a restart of the server without a loss, and its faults are still set', async () => {
  await using visitor = await visitDemo(browser, demo.origin)
  await using plain = await visitDemo(browser, demo.origin, '/plain')
  await visitor.press('Block WebSocket')
  await visitor.carriedBy('SSE')
  await visitor.press('Restart the server')
  await waitForText(visitor.page, '#eyebrow', /^Not connected|^Retry/)
  await visitor.carriedBy('SSE', 20_000)
  await waitForText(visitor.page, '#lines', /I was restarted/)
  await waitForText(plain.page, '#lines', /I was restarted/)
  await plain.carriedBy('WebSocket')
  await plain.lostNothing()
  await waitForText(visitor.page, '#told', /resumed (?!0)(?!.*begun anew)/)
  expect(await visitor.page.getByRole('button', { name: 'Block WebSocket' }).getAttribute('aria-pressed')).toBe('true')
  await visitor.lostNothing()
})

it('a page loses no message while all fault buttons are pressed in turn, some of them together', async () => {
  await using visitor = await visitDemo(browser, demo.origin)
  const { page } = visitor
  const harms = [
    ...['Block WebSocket', 'Swallow handshake', 'Kill after open', 'Damage a frame', 'Strip the upgrade', 'Damage handshake'],
    ...['Block SSE', 'Block long-poll', 'Hold back SSE', 'Tear an event', 'Cut everything', 'Go silent', 'Answer 503'],
    'Captive portal',
  ]
  for (const [index, name] of harms.entries()) {
    await visitor.press(name)
    await visitor.say(`During ${name}`)
    await sleep(1200)
    if (index % 2) await visitor.press('Undo all')
  }
  const restarts = page.locator('.line', { hasText: 'I was restarted' })
  const before = await restarts.count()
  await visitor.press('Restart the server')
  // All messages can be back before the server goes down, and the next test would then find no server.
  await vi.waitFor(async () => expect(await restarts.count()).toBe(before + 1), 20_000)
  await vi.waitFor(
    () =>
      page
        .getByRole('button', { name: 'Undo all' })
        .isDisabled()
        .then((is) => expect(is).toBe(true)),
    10_000,
  )
  await vi.waitFor(async () => expect(await page.locator('.line.mine[data-fate="back"]').count()).toBe(harms.length), 15_000)
  await visitor.lostNothing()
  await photograph(page, 'all-harm', { width: 1280, height: 900, colorScheme: 'light' })
})

it('a page fits the width of desktops, tablets and phones, and obeys prefers-reduced-motion', async () => {
  await using visitor = await visitDemo(browser, demo.origin)
  const { page } = visitor
  await visitor.say('Ahoy, is anybody on watch?')
  await visitor.press('Block WebSocket')
  await visitor.carriedBy('SSE')
  await visitor.press('Cut everything')
  await waitForText(page, '#eyebrow', /^Not connected/)
  await visitor.say('Said while everything was cut')
  await visitor.press('Cut everything')
  await visitor.fate(/^there and back in/)

  await photograph(page, 'desktop-light', { width: 1280, height: 900, colorScheme: 'light' })
  await photograph(page, 'desktop-dark', { width: 1280, height: 900, colorScheme: 'dark' })
  await photograph(page, 'tablet-light', { width: 820, height: 1180, colorScheme: 'light' })
  await photograph(page, 'phone-light', { width: 390, height: 844, colorScheme: 'light' })
  await photograph(page, 'phone-dark', { width: 360, height: 740, colorScheme: 'dark' })
  await page.emulateMedia({ reducedMotion: 'reduce' })
  // Running animations may end, and no new one may begin.
  await sleep(500)
  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0)
})
