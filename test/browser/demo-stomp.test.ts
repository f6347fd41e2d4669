import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { isEquippedWith, want } from '../support/equipment.ts'
import { useChromium } from '../support/use-chromium.ts'

/** The chat of Spring's guide in two pages: WebSocket is blocked, connections are cut, and stompjs notices nothing. */

const script = fileURLToPath(new URL('../../demo/stomp/start.mjs', import.meta.url))
const soon = { timeout: 20_000, interval: 50 }

let browser: Browser
let chat: ChildProcess | undefined
let said = ''

useChromium((started) => {
  browser = started
})
beforeAll(async () => {
  if (!(await isEquippedWith('Spring'))) return
  chat = spawn(process.execPath, [script], { env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] })
  for (const output of [chat.stdout, chat.stderr]) output?.on('data', (chunk) => (said += String(chunk)))
  await vi.waitFor(() => expect(said).toMatch(/The chat is at/), { timeout: 60_000 })
}, 90_000)
beforeEach(async (context) => {
  await want(context, 'Spring')
  // A failed earlier attempt of the test may have left WebSocket blocked.
  await fetch(`${origin()}/websocket?allowed=true`, { method: 'POST' })
})
afterAll(async () => {
  if (!chat) return
  chat.kill('SIGTERM')
  const [code] = await once(chat, 'exit')
  expect(code).toBe(0)
  const spring = Number(/process (\d+)/.exec(said)?.[1])
  await vi.waitFor(() => expect(() => process.kill(spring, 0)).toThrow(), soon)
}, 30_000)

const origin = () => /The chat is at (\S+)\//.exec(said)?.[1] ?? ''

async function visit(name: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(origin())
  await page.fill('#name', name)
  await vi.waitFor(async () => expect(await page.textContent('#counts')).toContain('connects 1'), soon)
  return page
}

async function say(page: Page, text: string): Promise<void> {
  await page.fill('#text', text)
  await page.click('button[type=submit]')
}

it('chat messages reach both pages once and in order while WebSocket is blocked and connections are cut', async () => {
  const [ada, grace] = [await visit('Ada'), await visit('Grace')]
  const heard = async () => [
    await ada.locator('#messages li').allTextContents(),
    await grace.locator('#messages li').allTextContents(),
  ]
  await say(ada, 'one')
  await vi.waitFor(async () => expect(await heard()).toEqual([['Adaone'], ['Adaone']]), soon)
  expect(await ada.textContent('#state')).toBe('connected over websocket')
  await ada.click('#block')
  await say(grace, 'two')
  await vi.waitFor(async () => expect(await ada.textContent('#state')).toBe('connected over sse'), soon)
  // The pages reconnect in either order, and the server orders messages by arrival: wait until both have arrived.
  const both = ['Adaone', 'Gracetwo']
  await vi.waitFor(async () => expect(await heard()).toEqual([both, both]), soon)
  await ada.click('#cut')
  await say(ada, 'three')
  const all = [...both, 'Adathree']
  await vi.waitFor(async () => expect(await heard()).toEqual([all, all]), soon)
  expect([await ada.textContent('#counts'), await grace.textContent('#counts')]).toEqual([
    'sent 2 · received 3 · connects 1',
    'sent 1 · received 3 · connects 1',
  ])
  await Promise.all([ada.close(), grace.close()])
})
