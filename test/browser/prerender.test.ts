import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import puppeteer from 'puppeteer-core'
import { beforeEach, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { findChromium } from '../support/chromium.ts'
import { want } from '../support/equipment.ts'
import { listenOnLoopback } from '../support/loopback.ts'
import { SCRIPT } from '../support/page-client.ts'

beforeEach((context) => want(context, 'a Chromium'))

/** Two pages: the first has the second one prerendered, and the second one has a client. */
async function startPages(options: string) {
  const realtime: string[] = []
  let scripts = 0
  const http = createServer(({ url = '' }, response) => {
    if (url === '/script.js') {
      scripts += 1
      response.end(readFileSync(SCRIPT))
    } else if (url === '/next') {
      const client = `client = new Steadfast.RealtimeClient('/realtime', ${options})`
      response.setHeader('Content-Type', 'text/html')
      response.end(`<!doctype html><script src="/script.js"></script><script>${client}</script>`)
    } else if (url === '/') {
      const rules = { prerender: [{ urls: ['/next'], eagerness: 'immediate' }] }
      response.setHeader('Content-Type', 'text/html')
      response.end(`<!doctype html><script type="speculationrules">${JSON.stringify(rules)}</script><a href="/next">next</a>`)
    } else {
      if (url.startsWith('/realtime')) realtime.push('request')
      response.writeHead(404).end()
    }
  })
  const sockets = new WebSocketServer({ server: http })
  sockets.on('connection', () => realtime.push('websocket'))
  const origin = `http://127.0.0.1:${await listenOnLoopback(http)}`
  const { executablePath, env } = await findChromium()
  const browser = await puppeteer.launch({
    executablePath,
    env: { ...process.env, ...env },
    headless: true,
    args: ['--no-sandbox', '--disable-gpu'],
    // Puppeteer disables features by default that prerendering needs.
    ignoreDefaultArgs: (puppeteer.defaultArgs() ?? []).filter((each) => each.startsWith('--disable-features')),
  })
  return {
    origin,
    browser,
    realtime,
    scripts: () => scripts,
    async [Symbol.asyncDispose]() {
      await browser.close()
      http.close()
      http.closeAllConnections()
    },
  }
}

// Otherwise a client would find that WebSockets hang and locks are never granted, fall back to poll, and remember that for half
// an hour.
it.concurrent.each([
  ['a client dials nothing until the page is shown', '{}', []],
  ['a client that takes the page for a visible one polls at once', '{ host: { isPrerendering: () => false } }', ['request']],
])('in a page that Chromium prerenders %s', { timeout: 30_000 }, async (_, options, before) => {
  await using test = await startPages(options)
  const page = await test.browser.newPage()
  await page.goto(test.origin)
  await vi.waitFor(() => expect(test.scripts()).toBe(1), 10_000)
  await sleep(2500)
  expect(test.realtime.slice(0, 1)).toEqual(before)
  if (before.length) return
  await page.click('a').catch(() => {})
  await vi.waitFor(() => expect(test.realtime).toEqual(['websocket']), 5000)
})
