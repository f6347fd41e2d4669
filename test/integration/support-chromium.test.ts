import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { findChromium, launchChromium } from '../support/chromium.ts'
import { isEquippedWith, want } from '../support/equipment.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { startNchan } from '../support/nchan.ts'
import { startReferenceServer } from '../support/reference-server.ts'

let folder: string
let script: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'page-'))
  script = join(folder, 'thing.min.js')
  await writeFile(
    script,
    `globalThis.Thing = {
  firstMessage: (url) => new Promise((resolve) => { new WebSocket(url).onmessage = ({ data }) => resolve(data) }),
  breakRules: () => setTimeout(() => { try { new Function('1')() } catch {} ; fetch('http://example.invalid/').catch(() => {}) }),
}
console.log('loaded')`,
  )
})
afterAll(() => rm(folder, { recursive: true }))

/** The page's globals, as seen from inside `evaluate`. */
interface Globals {
  readonly Thing: { firstMessage(url: string): Promise<string>; breakRules(): void }
}

describe.each([
  ['the Chromium that is found', 'a Chromium', {}],
  ['the Chromium of the npm package', 'the Chromium of an npm package', { STEADFAST_CHROMIUM: 'bundled' }],
] as const)('%s', (_name, wanted, environment) => {
  let browser: Browser

  beforeAll(async () => {
    if (!(await isEquippedWith(wanted))) return
    browser = await launchChromium({ found: await findChromium({ ...process.env, ...environment }) })
  }, 180_000)
  beforeEach((context) => want(context, wanted))
  afterAll(() => browser?.close())

  it('loads the script and shows text', async () => {
    await using opened = await openPage(browser, { script })
    expect(opened.console).toEqual([{ type: 'log', text: 'loaded' }])
    const width = await opened.page.evaluate(() => {
      const text = document.createElement('span')
      text.textContent = 'some text'
      document.body.append(text)
      return text.innerText === 'some text' ? text.offsetWidth : 0
    })
    expect(width).toBeGreaterThan(20)
    expect(opened.errors).toEqual([])
  })

  it('talks to a server on the same origin, through the proxy, under a strict Content-Security-Policy', async () => {
    await using server = await startReferenceServer({ page: { script, csp: true }, from: 'oldest' })
    await using proxy = await startFaultProxy({ target: { port: server.port } })
    server.publish('hello')
    await using opened = await openPage(browser, { origin: proxy.url })
    const message = await opened.page.evaluate(() => (globalThis as unknown as Globals).Thing.firstMessage('/events'))
    expect(message).toBe('hello')
    expect(proxy.dials('websocket')).toHaveLength(1)
    expect([opened.errors, await opened.violations()]).toEqual([[], []])
  })

  it('reports uncaught errors and CSP violations of a page', async () => {
    await using opened = await openPage(browser, { script, csp: true })
    // In a separate task: code inside `evaluate` itself may compile strings, despite the CSP.
    await opened.page.evaluate(() => {
      ;(globalThis as unknown as Globals).Thing.breakRules()
      setTimeout(() => {
        throw new Error('uncaught')
      })
      void Promise.reject(new Error('unhandled'))
    })
    await vi.waitFor(() => expect(opened.errors).toHaveLength(2))
    expect(opened.errors.join()).toContain('uncaught')
    expect(opened.errors.join()).toContain('unhandled')
    await vi.waitFor(async () => expect(await opened.violations()).toHaveLength(2))
    expect(await opened.violations()).toContain('connect-src http://example.invalid/')
    expect((await opened.violations()).join()).toMatch(/script-src eval|require-trusted-types-for/)
  })
})

it('launchChromium() disables every feature that Playwright disables', async (context) => {
  await want(context, 'a Chromium')
  const browser = await launchChromium()
  try {
    const session = await browser.newBrowserCDPSession()
    const { commandLine } = await session.send('SystemInfo.getInfo')
    const lists = [...commandLine.matchAll(/--disable-features=(\S+)/g)].map(([, names = '']) => names.split(','))
    expect(lists.length).toBeGreaterThan(1)
    expect(lists.at(-1)).toEqual(expect.arrayContaining(lists.flat()))
  } finally {
    await browser.close()
  }
})

it('openPage() loads a page from nchan itself', async (context) => {
  await want(context, 'nginx')
  await want(context, 'a Chromium')
  await using nchan = await startNchan({ script })
  await nchan.publish('a', 'prime')
  const browser = await launchChromium()
  try {
    await using opened = await openPage(browser, { origin: nchan.origin })
    expect(await opened.page.evaluate(() => (globalThis as unknown as Globals).Thing.firstMessage('/sub/a'))).toBe('prime')
    expect(opened.errors).toEqual([])
  } finally {
    await browser.close()
  }
})

it('findChromium() and launchChromium() reject with what is missing or invalid', async () => {
  await expect(findChromium({ CHROME_PATH: '/nowhere/chrome' })).rejects.toThrow('MISSING: CHROME_PATH names /nowhere/chrome')
  await expect(findChromium({ STEADFAST_CHROMIUM: 'yes' })).rejects.toThrow("can be 'bundled' or 'none'")
  await expect(launchChromium({ found: { executablePath: process.execPath, env: {} } })).rejects.toThrow(
    /MISSING: .* does not start/,
  )
})
