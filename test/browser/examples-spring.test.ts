import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { chatArguments, fetchSpring } from '../../scripts/fetch-spring.mjs'
import { openPage } from '../support/browser-page.ts'
import { isEquippedWith, want } from '../support/equipment.ts'
import { says, screenshot } from '../support/example-page.ts'
import { type RunningExample, startExample } from '../support/examples.ts'
import { freePort } from '../support/loopback.ts'
import { useChromium } from '../support/use-chromium.ts'

let browser: Browser
useChromium((started) => {
  browser = started
})

let chat: RunningExample
const folder = mkdtempSync(join(tmpdir(), 'steadfast-spring-stomp-'))
beforeAll(async () => {
  if (!(await isEquippedWith('Spring'))) return
  fetchSpring()
  // Maven's plugins need hundreds of files more and a JDK: here `mvn` runs the classes that fetch-spring.mjs has compiled.
  const java = ['java', '-Xmx192m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', `-Djava.io.tmpdir=${folder}`]
  const mvn = [...java, ...chatArguments].map((argument) => `'${argument}'`).join(' ')
  chat = await startExample('spring-stomp', { programs: { mvn: `exec ${mvn}` } })
}, 120_000)
beforeEach((context) => want(context, 'Spring'))
afterAll(async () => {
  await chat?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
}, 30_000)

async function visitor(name: string, way: RegExp, { isWebSocketBlocked = false } = {}) {
  const opened = await openPage(browser, { origin: 'about:blank', path: '' })
  const { page } = opened
  const requests: string[] = []
  page.on('request', (request) => requests.push(new URL(request.url()).pathname))
  if (isWebSocketBlocked) await page.addInitScript(refuseWebSockets, `ws://127.0.0.1:${await freePort()}`)
  await page.goto(chat.origin)
  await page.getByRole('radio', { name: way }).check()
  await page.getByLabel('Your name').fill(name)
  if (name === 'Ann') await screenshot(page, 'spring-stomp-join')
  await page.keyboard.press('Enter')
  await says(page, '#status', new RegExp(`${name} is online`))
  await says(page, '#lines', new RegExp(`${name} joined`))
  const say = async (text: string) => {
    await page.getByLabel('Say something').fill(text)
    await page.keyboard.press('Enter')
  }
  return { ...opened, requests, say, [Symbol.asyncDispose]: () => opened.close() }
}

/** Runs in the page: its WebSockets, except Vite's own, are dialled at a port on which nothing listens. */
function refuseWebSockets(nowhere: string): void {
  const { WebSocket } = globalThis
  globalThis.WebSocket = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(/realtime|sockjs/.test(String(url)) ? nowhere : url, protocols)
    }
  }
}

it('spring-stomp: a page over the gateway and a page over SockJS share one room', async () => {
  await using ann = await visitor('Ann', /^a gateway/)
  await using ben = await visitor('Ben', /^SockJS/)
  await says(ann.page, '#lines', /Ben joined/)
  await ann.say('hello')
  await says(ben.page, '#lines', /Ann hello/)
  await ben.say('hi Ann')
  for (const { page } of [ann, ben]) await says(page, '#lines', /Ann hello\s+Ben hi Ann/)
  await screenshot(ann.page, 'spring-stomp')
  await ann.page.reload()
  await says(ben.page, '#lines', /Ben hi Ann\s+Ann left/)
  await ann.page.getByLabel('Your name').fill('Ann')
  await ann.page.keyboard.press('Enter')
  await says(ben.page, '#lines', /Ann left\s+Ann joined/)
  expect([ann.errors, ben.errors]).toEqual([[], []])
})

it('spring-stomp: pages chat without WebSocket, and across a loss that the gateway hides from Spring', async () => {
  await using eve = await visitor('Eve', /^a gateway/, { isWebSocketBlocked: true })
  await using dan = await visitor('Dan', /^SockJS/, { isWebSocketBlocked: true })
  expect(eve.requests.filter((path) => path === '/realtime')).not.toEqual([])
  expect(dan.requests.some((path) => /^\/sockjs\/.*\/xhr_streaming$/.test(path))).toBe(true)
  await says(eve.page, '#lines', /Dan joined/)
  await eve.page.context().setOffline(true)
  await dan.say('one')
  await dan.say('two')
  await says(dan.page, '#lines', /Dan one\s+Dan two/)
  await eve.say('three')
  await eve.page.context().setOffline(false)
  await says(dan.page, '#lines', /Dan two\s+Eve three$/)
  await says(eve.page, '#lines', /Dan joined\s+Dan one\s+Dan two\s+Eve three$/)
  expect([eve.errors, dan.errors]).toEqual([[], []])
})
