import type { Browser, Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { says, screenshot } from '../support/example-page.ts'
import { startExample } from '../support/examples.ts'
import { until } from '../support/until.ts'
import { useChromium } from '../support/use-chromium.ts'

let browser: Browser
useChromium((started) => {
  browser = started
})

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
  // Messages from before he joined.
  await says(ben.page, 'ol', /Ann hello/)
  await ben.say('hi Ann')
  await says(ann.page, 'ol', /Ben hi Ann/)
  await screenshot(ann.page, 'react-chat')

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

it('vue-dashboard: live measurements, earlier ones from the history, and a request with a reply', async () => {
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
  await says(first.page, 'main > p', /[1-9]\d* MiB dropped/)
  await screenshot(first.page, 'vue-dashboard')
  expect([first.errors, second.errors]).toEqual([[], []])
})

it('express-session-login: each user sees their own notes, and a logout ends all connections of the user', async () => {
  await using app = await startExample('express-session-login', { env: { LOGIN_MS: '60000' } })
  const visitor = async (name: string, password: string) => {
    const opened = await openPage(browser, { origin: 'about:blank', path: '' })
    await opened.page.goto(app.origin)
    await opened.page.getByLabel('Name').fill(name)
    await opened.page.getByLabel('Password').fill(password)
    await opened.page.getByRole('button', { name: 'Log in' }).click()
    return opened
  }
  const add = async (page: Page, text: string) => {
    await page.getByLabel('New note').fill(text)
    await page.keyboard.press('Enter')
  }

  await using ada = await visitor('ada', 'hopper')
  await says(ada.page, 'form', /The name or the password is wrong/)
  await screenshot(ada.page, 'login')
  await ada.page.getByLabel('Name').fill('ada')
  await ada.page.getByLabel('Password').fill('lovelace')
  await ada.page.keyboard.press('Enter')
  await says(ada.page, 'header', /Notes of Ada\s+online/)
  await add(ada.page, 'milk')
  await says(ada.page, '#list', /^milk$/)

  // Another tab with the same cookie, another browser of the same user, and another user.
  const tab = await ada.page.context().newPage()
  await tab.goto(app.origin)
  await using elsewhere = await visitor('ada', 'lovelace')
  await using grace = await visitor('grace', 'hopper')
  await says(grace.page, 'header', /Notes of Grace\s+online/)
  await add(grace.page, 'secret')
  await says(grace.page, '#list', /^secret$/)
  for (const page of [tab, elsewhere.page]) await says(page, '#list', /^milk$/)
  await add(elsewhere.page, 'bread')
  for (const page of [ada.page, tab, elsewhere.page]) await says(page, '#list', /^bread\s+milk$/)
  await tab.reload()
  await says(tab, '#list', /^bread\s+milk$/)
  await screenshot(tab, 'notes')

  const attempts: string[] = []
  for (const page of [tab, elsewhere.page]) page.on('websocket', (socket) => attempts.push(socket.url()))
  await ada.page.getByRole('button', { name: 'Log out' }).click()
  await ada.page.getByRole('button', { name: 'Log in' }).waitFor()
  for (const page of [tab, elsewhere.page]) {
    await says(page, 'main', /You are logged out/)
    expect(await page.locator('#list').count()).toBe(0)
  }
  await screenshot(tab, 'logged-out')
  // The logout has invalidated the cookie of the other browser too.
  await elsewhere.page.getByRole('link', { name: 'Log in again' }).click()
  await elsewhere.page.getByRole('button', { name: 'Log in' }).waitFor()
  await says(grace.page, 'header', /online/)
  expect(attempts).toEqual([])

  // A restarted server has lost all logins.
  await app.restart()
  await says(grace.page, 'main', /You are logged out/)
  expect([ada.errors, elsewhere.errors, grace.errors]).toEqual([[], [], []])
})

it('express-session-login: a login that expires ends the connection', async () => {
  await using app = await startExample('express-session-login', { env: { LOGIN_MS: '3000' } })
  await using ada = await openPage(browser, { origin: 'about:blank', path: '' })
  await ada.page.goto(app.origin)
  await ada.page.getByLabel('Name').fill('ada')
  await ada.page.getByLabel('Password').fill('lovelace')
  await ada.page.keyboard.press('Enter')
  await says(ada.page, 'header', /online/)
  await says(ada.page, 'main', /You are logged out/)
  expect(ada.errors).toEqual([])
})
