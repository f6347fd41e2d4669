import type { Browser, Page } from 'playwright-core'
import { beforeEach, expect, it } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { want } from '../support/equipment.ts'
import { says, screenshot } from '../support/example-page.ts'
import { startExample } from '../support/examples.ts'
import { until } from '../support/until.ts'
import { useChromium } from '../support/use-chromium.ts'

let browser: Browser
useChromium((started) => {
  browser = started
})
beforeEach((context) => want(context, 'redis-server'))

const number = async (page: Page, selector: string) => Number(await page.locator(selector).innerText())

/** Waits for `more` further messages; all earlier ones have been counted by then. */
async function receivesMore(page: Page, more = 10): Promise<void> {
  const before = await number(page, '#received')
  await until(async () => (await number(page, '#received')) >= before + more, 'no messages come')
}

it('two-nodes-redis: both nodes are killed, and nothing is lost or repeated over WebSocket and SSE', {
  timeout: 120_000,
}, async () => {
  await using app = await startExample('two-nodes-redis')
  const open = async (query: string) => {
    const opened = await openPage(browser, { origin: 'about:blank', path: '' })
    await opened.page.goto(`${app.origin}/${query}`)
    return opened
  }
  await using one = await open('')
  await using other = await open('?transport=sse')
  const pages = [one.page, other.page]
  for (const page of pages) await page.locator('tbody tr').nth(1).waitFor()
  await says(one.page, '#status', /online over websocket, at node [AB]/)
  await says(other.page, '#status', /online over sse, at node [AB]/)
  await says(one.page, 'tbody', /\(this page\)/)

  for (let kills = 0; kills < 2; kills++) {
    for (const page of pages) await receivesMore(page)
    // The node that serves this page.
    const [, carrier = ''] = /at node ([AB])/.exec(await one.page.locator('#status').innerText()) ?? []
    await one.page.getByRole('button', { name: `Kill node ${carrier}` }).click()
    const survivor = carrier === 'A' ? 'B' : 'A'
    await says(one.page, '#status', new RegExp(`online over websocket, at node ${survivor}`))
    for (const page of pages) await receivesMore(page)
    // Each request of the SSE page goes to the next node, so the killed node publishes again once it is back.
    await says(other.page, 'tbody', new RegExp(`\\b${carrier}$`, 'm'))
  }
  await screenshot(one.page, 'two-nodes-redis')
  for (const page of pages) expect([await number(page, '#lost'), await number(page, '#repeated')]).toEqual([0, 0])

  await other.page.reload()
  await says(other.page, '#status', /online over sse, at node [AB]/)
  await receivesMore(other.page)
  await other.close()
  await until(async () => (await one.page.locator('tbody tr').count()) === 1, 'who has left is still there')
  expect([await number(one.page, '#lost'), await number(one.page, '#repeated')]).toEqual([0, 0])
  expect([one.errors, other.errors]).toEqual([[], []])
})
