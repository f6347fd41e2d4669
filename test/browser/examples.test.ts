import type { Browser, Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { startExample } from '../support/examples.ts'
import { until } from '../support/until.ts'
import { useChromium } from '../support/use-chromium.ts'

let browser: Browser
useChromium((started) => {
  browser = started
})

async function says(page: Page, selector: string, expected: RegExp): Promise<void> {
  const text = async () => (await page.locator(selector).allInnerTexts()).join('\n')
  let last = ''
  await until(async () => {
    last = await text()
    return expected.test(last)
  }, `${selector} does not say ${expected}`).catch((error) => {
    throw new Error(`${error.message}; it says ${last}`)
  })
}

it('react-chat: login, presence and history, over one connection that survives StrictMode and hot updates', async () => {
  await using chat = await startExample('react-chat')

  async function visitor(name: string) {
    const opened = await openPage(browser, { origin: 'about:blank', path: '' })
    const connections: string[] = []
    opened.page.on('websocket', (socket) => socket.url().includes('/realtime') && connections.push(socket.url()))
    await opened.page.goto(chat.origin)
    await opened.page.getByLabel('Your name').fill(name)
    await opened.page.getByRole('button').click()
    await opened.page.getByLabel('Say something').waitFor()
    const say = async (text: string) => {
      await opened.page.getByLabel('Say something').fill(text)
      await opened.page.keyboard.press('Enter')
    }
    return { ...opened, connections, say, [Symbol.asyncDispose]: () => opened.close() }
  }

  await using ann = await visitor('Ann')
  await says(ann.page, 'header', /^online\s+Ann$/)
  await ann.say('hello')
  await says(ann.page, 'ol', /Ann hello/)
  await using ben = await visitor('Ben')
  await says(ben.page, 'header', /Ann, Ben|Ben, Ann/)
  await says(ann.page, 'header', /Ann, Ben|Ben, Ann/)
  // What was said before he came.
  await says(ben.page, 'ol', /Ann hello/)
  await ben.say('hi Ann')
  await says(ann.page, 'ol', /Ben hi Ann/)
  if (process.env['SCREENSHOT']) await ann.page.screenshot({ path: process.env['SCREENSHOT'] })

  chat.edit('src/app.jsx', 'Say something', 'Your message')
  await ann.page.getByLabel('Your message').waitFor()
  await says(ann.page, 'ol', /Ann hello[\s\S]*Ben hi Ann/)
  await ben.page.getByLabel('Your message').waitFor()
  await ben.page.getByLabel('Your message').fill('still there?')
  await ben.page.keyboard.press('Enter')
  await says(ann.page, 'ol', /still there\?/)
  expect([ann.connections.length, ben.connections.length]).toEqual([1, 1])

  await ann.page.reload()
  await says(ann.page, 'ol', /Ann hello[\s\S]*still there\?/)
  expect([ann.errors, ben.errors]).toEqual([[], []])
  await ben.close()
  await says(ann.page, 'header', /^online\s+Ann$/)
})

it('vue-dashboard: measurements as they come, those of before, and a request with an answer', async () => {
  await using dashboard = await startExample('vue-dashboard')
  const open = async () => {
    const opened = await openPage(browser, { origin: 'about:blank', path: '' })
    await opened.page.goto(dashboard.origin)
    return opened
  }
  await using first = await open()
  await says(first.page, 'h1', /online/)
  await says(first.page, 'section', /Memory: \d+\.\d MiB[\s\S]*Load: \d+\.\d %/)
  const points = async (page: Page) =>
    ((await page.locator('polyline').first().getAttribute('points')) ?? '').split(' ').filter(Boolean).length
  await until(async () => (await points(first.page)) > 3, 'no points are drawn')
  await using second = await open()
  await until(async () => (await points(second.page)) > 3, 'those of before are not drawn')
  await first.page.getByRole('button').click()
  await says(first.page, 'main > p', /\d+\.\d MiB freed/)
  if (process.env['SCREENSHOT']) await first.page.screenshot({ path: process.env['SCREENSHOT'] })
  expect([first.errors, second.errors]).toEqual([[], []])
})
