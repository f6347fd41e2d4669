import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { type Demo, startDemo } from '../support/demo.ts'
import { photograph, texts, visitDemo, waitForText } from '../support/demo-visitor.ts'
import { isEquippedWith, want } from '../support/equipment.ts'
import { useChromium } from '../support/use-chromium.ts'

/** The demo on two node processes over Redis, as a visitor uses it: a button kills a node, and the page shows the effect. */

let browser: Browser
let demo: Demo

useChromium((started) => {
  browser = started
})
beforeAll(async () => {
  if (await isEquippedWith('redis-server')) demo = await startDemo(0, { parameters: ['--redis'] })
}, 60_000)
beforeEach((context) => want(context, 'redis-server'))
afterAll(() => demo?.[Symbol.asyncDispose]())

it('the page moves to the other node when the one in use is killed, loses no message, and shows both nodes', async () => {
  await using visitor = await visitDemo(browser, demo.origin)
  const { page } = visitor
  const states = async () => (await page.locator('#nodes-list .state').allTextContents()).map(withoutNumbers)
  await vi.waitFor(async () => expect((await states()).sort()).toEqual(['alive, process #', inUse]), 5000)
  const used = (await states()).indexOf(inUse)
  await visitor.say('Said before')
  await visitor.fate(/^there and back in/)

  await visitor.press('Kill a node')
  await vi.waitFor(async () => {
    const now = await states()
    expect([now[used], now[1 - used]]).toEqual(['killed, back in # s', inUse])
  }, 5000)
  expect(await texts(page, ['#nodes-note'])).toEqual(['1 of 2 nodes alive'])
  await photograph(page, 'redis-desktop', { width: 1280, height: 900, colorScheme: 'light' })
  await photograph(page, 'redis-phone', { width: 390, height: 844, colorScheme: 'dark' })
  await visitor.say('Said after')
  await visitor.fate(/^there and back in/)
  await waitForText(page, '#told', /resumed once/)
  await visitor.lostNothing()

  await waitForText(page, '#nodes-note', '2 of 2 nodes alive', 12_000)
  await visitor.carriedBy('WebSocket')
  await visitor.lostNothing()
  // A single process serves plain mode, so there is no node to kill.
  await page.getByRole('link', { name: 'Plain' }).click()
  await visitor.carriedBy('WebSocket')
  expect(await page.getByRole('button', { name: 'Kill a node' }).isVisible()).toBe(false)
})

const inUse = 'in use by this page, process #'

function withoutNumbers(text: string): string {
  return text.replace(/\d+/, '#')
}
