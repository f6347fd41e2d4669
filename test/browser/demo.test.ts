import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import { launchChromium } from '../support/chromium.ts'
import '../support/page-client.ts'

/** The demo as a visitor uses it: harm is done by its buttons, and what comes of it is read off the page. */

const artifacts = resolve(import.meta.dirname, '../artifacts')
let browser: Browser
let demo: Awaited<ReturnType<typeof startDemo>>

beforeAll(async () => {
  mkdirSync(artifacts, { recursive: true })
  writeFileSync(join(artifacts, '.gitignore'), '*\n')
  demo = await startDemo()
  browser = await launchChromium()
}, 180_000)

afterAll(async () => {
  await browser?.close()
  demo?.stop()
})

async function startDemo() {
  const program = spawn(process.execPath, [resolve(import.meta.dirname, '../../demo/server.mjs')], {
    env: { ...process.env, PORT: '0', HOST: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface(program.stdout), 'line', { signal: AbortSignal.timeout(10_000) })
  return { origin: String(line).match(/http:\S+(?=\/)/)?.[0] ?? '', stop: () => program.kill() }
}

/** A page, as a visitor of its own, carried by WebSocket. When it is left nothing must have gone wrong behind the scenes. */
async function visit(path: '/' | '/plain' = '/') {
  const opened = await openPage(browser, { origin: demo.origin })
  const { page } = opened
  if (path !== '/') await page.goto(demo.origin + path, { waitUntil: 'load' })
  const visitor = {
    page,
    // While it is only tried, a name stands there as well.
    carriedBy: (name: string, timeout = 10_000) => waitForText(page, '[data-status="open"] #carrier', name, timeout),
    press: (name: string) => page.getByRole('button', { name }).click({ timeout: 10_000 }),
    /** What the panel says, in this order, with what it says of each cause opened or not. */
    explains: (pattern: RegExp, timeout?: number) => waitForText(page, '#diagnosis', pattern, timeout),
    async say(text: string) {
      await page.getByLabel('Your message').fill(text)
      await visitor.press('Send')
    },
    /** What became of the visitor's last line. */
    fate: (pattern: RegExp) => waitForText(page, '.line.mine:last-of-type .fate', pattern),
    /** Both ways, once all that was sent has arrived. */
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
      // Of a refused connection the browser always complains, and of what is sent while a Close frame is being answered.
      const usual = /^(Failed to load resource|WebSocket connection to|WebSocket is already in CLOSING or CLOSED state)/
      const complaints = opened.console.filter(({ text }) => !usual.test(text))
      expect(complaints).toEqual([])
    },
  }
  await visitor.carriedBy('WebSocket')
  return visitor
}

const ways = ['down', 'up'] as const

const texts = (page: Page, selectors: readonly string[]) =>
  Promise.all(selectors.map(async (selector) => (await page.locator(selector).textContent({ timeout: 3000 }))?.trim()))

function waitForText(page: Page, selector: string, wanted: string | RegExp, timeout = 10_000) {
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

/** For a person to look at; what a machine can see is that nothing is wider than the window. */
async function photograph(page: Page, name: string, { width, height, colorScheme }: Look) {
  await page.setViewportSize({ width, height })
  await page.emulateMedia({ colorScheme })
  // The drawings follow within a quarter of a second.
  await sleep(600)
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), name).toBeLessThanOrEqual(0)
  await page.screenshot({ path: join(artifacts, `demo-${name}.png`), fullPage: true })
}

/** The state of each rung, best first. */
const rungs = (page: Page) =>
  page.locator('#rungs > li').evaluateAll((items) => items.map((item) => (item as HTMLElement).dataset['rung']))

it('falls back to SSE when WebSocket is blocked, and climbs again without a break when that is healed', async () => {
  await using visitor = await visit()
  await visitor.press('Block WebSocket')
  await visitor.carriedBy('SSE')
  expect(await rungs(visitor.page)).toEqual(['resting', 'carrying', 'untried', 'untried'])
  expect(await visitor.page.getByRole('button', { name: 'Block WebSocket' }).getAttribute('aria-pressed')).toBe('true')
  await visitor.explains(/^SSE carries the connection, because WebSocket does not work here now/)

  await visitor.press('Heal all')
  await visitor.carriedBy('WebSocket', 45_000)
  expect(await texts(visitor.page, ['#detail'])).toEqual([expect.stringContaining('moved here from SSE without a break')])
  await waitForText(visitor.page, '#told', /moved once/)
  await visitor.explains(/^All is well. WebSocket, the best of the four/)
  await visitor.lostNothing()
  await photograph(visitor.page, 'climbed', { width: 1280, height: 900, colorScheme: 'dark' })
})

it('gets round a swallowed handshake and round a kill after the opening', async () => {
  await using swallowed = await visit()
  await using killed = await visit()
  await swallowed.press('Swallow handshake')
  await killed.press('Kill after open')
  await swallowed.carriedBy('SSE', 15_000)
  await killed.carriedBy('SSE', 15_000)
  await swallowed.lostNothing()
  await killed.lostNothing()
})

it('finds out what is done to the WebSocket, and stays on SSE', async () => {
  await using stripped = await visit()
  await using answered = await visit()
  await using damaged = await visit()
  await stripped.press('Strip the upgrade')
  await answered.press('Damage handshake')
  await damaged.press('Damage a frame')
  await stripped.explains(/makes a plain request of the WebSocket.*certain.*at first: No connection came about/)
  await stripped.explains(/the server says that a request arrived, and no WebSocket.*What to do: .*Upgrade/)
  await answered.explains(/handshake is damaged.*likely.*Or else .*the server says that it accepted the attempt/)
  await damaged.explains(/no valid WebSocket.*certain.*the browser hung up \(1002/)
  for (const visitor of [stripped, answered, damaged]) {
    await visitor.carriedBy('SSE')
    await visitor.explains(/^SSE carries the connection, because WebSocket does not work here now/)
    await visitor.lostNothing()
  }
  // What was found out stands in the place of what was thought at first.
  expect(await stripped.page.locator('#log').innerText()).not.toContain('net.unreachable')
  await waitForText(stripped.page, '#log', /WebSocketfailed after \d+ msws\.upgrade_stripped, certain/)
})

it('finds out what is done to event streams, and goes on with long-poll', async () => {
  await using held = await visit()
  await using torn = await visit()
  await using plain = await visit('/plain')
  // Lost connections leave nothing to be asked, so that the question is free for the stream that never says anything.
  await held.press('Kill after open')
  await torn.press('Strip the upgrade')
  await plain.press('Block WebSocket')
  for (const { carriedBy } of [held, torn, plain]) await carriedBy('SSE')
  await held.press('Hold back SSE')
  await plain.press('Hold back SSE')
  await torn.press('Tear an event')
  await torn.explains(/SSE: The answer was cut off on its way.*stream\.truncated/)
  await held.carriedBy('Long-poll', 20_000)
  await held.explains(/^Long-poll carries .* WebSocket and SSE do not work.*SSE: Something on the way holds back/)
  await torn.carriedBy('Long-poll', 20_000)
  await plain.carriedBy('Long-poll', 20_000)
  await plain.explains(/SSE: It opened, and nothing came/)
  for (const { lostNothing } of [held, torn, plain]) await lostNothing()
})

it('sees that a connection has gone silent, and puts another in its place', async () => {
  await using visitor = await visit()
  await using plain = await visit('/plain')
  for (const each of [visitor, plain]) {
    await each.press('Go silent')
    await each.explains(/but nothing comes/)
    await each.explains(/^All is well.*WebSocket: The connection had gone silent/, 15_000)
    await waitForText(each.page, '#log', /silent, replaced after/)
    await each.lostNothing()
  }
})

it('sees that somebody else answers in place of the server', async () => {
  await using busy = await visit()
  await using guest = await visit()
  await busy.press('Answer 503')
  await guest.press('Captive portal')
  await busy.explains(/^Nothing carries the connection.*WebSocket, SSE: The server answered 503.*certain/, 15_000)
  await waitForText(busy.page, '#next', /^Next try in \d+ s, since the server asked for 5 s/)
  await guest.explains(/WebSocket, SSE, Long-poll, Poll: The answer is text\/html.*not messages/, 15_000)
  await photograph(guest.page, 'portal-phone', { width: 390, height: 844, colorScheme: 'light' })
  for (const { press } of [busy, guest]) await press('Heal all')
  for (const { carriedBy, explains, lostNothing } of [busy, guest]) {
    await carriedBy('WebSocket', 20_000)
    await explains(/^All is well.*What went wrong a moment ago/)
    await lostNothing()
  }
})

it("says in the application's own words why it was sent away, and connects again when it is told to", async () => {
  await using visitor = await visit()
  await using plain = await visit('/plain')
  await using polling = await visit('/plain')
  await polling.press('Block WebSocket')
  await polling.carriedBy('SSE')
  for (const each of [visitor, plain, polling]) {
    await each.press('End the trial')
    await waitForText(each.page, '#eyebrow', 'Closed (4402)')
    await each.explains(/has stopped.*Your trial of this lighthouse is over.*certain.*What to do: Connect again/)
    await each.page.locator('#connect-here').click()
    await each.carriedBy(each === polling ? 'SSE' : 'WebSocket')
    await sleep(3000)
    await each.lostNothing()
  }
  await waitForText(visitor.page, '#told', /begun anew once/)
  await visitor.say('Here again')
  await visitor.fate(/^there and back in/)
})

it('goes down to polling when nothing else is left, and tells each attempt', async () => {
  await using visitor = await visit()
  await visitor.press('Block SSE')
  await visitor.press('Block long-poll')
  await visitor.press('Block WebSocket')
  await visitor.carriedBy('Poll', 15_000)
  await vi.waitFor(async () => expect(await rungs(visitor.page)).toEqual(['resting', 'resting', 'resting', 'carrying']), 5000)
  expect(await visitor.page.locator('#log').innerText()).toMatch(
    /Poll\s+opened after[\s\S]*Long-poll\s+failed after[\s\S]*SSE\s+failed/,
  )
  await visitor.lostNothing()
})

it('comes back from a restart of the server with nothing missed, and the harm that was set is still set', async () => {
  await using visitor = await visit()
  await using plain = await visit('/plain')
  await visitor.press('Block WebSocket')
  await visitor.carriedBy('SSE')
  await visitor.press('Restart the server')
  await waitForText(visitor.page, '#eyebrow', /^Nothing carries it|^Retry/)
  await visitor.carriedBy('SSE', 20_000)
  await waitForText(visitor.page, '#lines', /I was restarted/)
  await waitForText(plain.page, '#lines', /I was restarted/)
  await plain.carriedBy('WebSocket')
  await plain.lostNothing()
  await waitForText(visitor.page, '#told', /resumed (?!0)(?!.*begun anew)/)
  expect(await visitor.page.getByRole('button', { name: 'Block WebSocket' }).getAttribute('aria-pressed')).toBe('true')
  await visitor.lostNothing()
})

it('brings a chat message there and back, and one that was said while everything was cut', async () => {
  await using visitor = await visit()
  await using other = await visit('/plain')
  await visitor.say('Ahoy')
  await visitor.fate(/^there and back in \d+ ms, WebSocket$/)
  await waitForText(other.page, '#lines', /Ahoy/)

  await visitor.press('Cut everything')
  await waitForText(visitor.page, '#eyebrow', /^Nothing carries it|^Retry/)
  await visitor.say('Still here')
  await visitor.fate(/^waits for a connection$/)
  await visitor.press('Cut everything')
  await visitor.fate(/^there and back in/)
  await waitForText(other.page, '#lines', /Still here/)
  await visitor.lostNothing()
  await other.lostNothing()
})

it('loses nothing while all the buttons are pressed, one after the other and some together', async () => {
  await using visitor = await visit()
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
    if (index % 2) await visitor.press('Heal all')
  }
  await visitor.press('Restart the server')
  await sleep(500)
  await vi.waitFor(
    () =>
      page
        .getByRole('button', { name: 'Heal all' })
        .isDisabled()
        .then((is) => expect(is).toBe(true)),
    10_000,
  )
  await vi.waitFor(async () => expect(await page.locator('.line.mine[data-fate="back"]').count()).toBe(harms.length), 15_000)
  await visitor.lostNothing()
  await photograph(page, 'all-harm', { width: 1280, height: 900, colorScheme: 'light' })
})

it('has a page in plain mode beside it, with the same harm', async () => {
  await using visitor = await visit()
  const { page } = visitor
  await page.getByRole('link', { name: 'Plain' }).click()
  await visitor.carriedBy('WebSocket')
  expect(new URL(page.url()).pathname).toBe('/plain')
  expect(await page.locator('.counted').isVisible()).toBe(false)

  await using plain = await visit('/plain')
  await plain.press('Strip the upgrade')
  await plain.carriedBy('SSE')
  // Nobody keeps a ledger here, so that it cannot be known which of them it is.
  await plain.explains(/ws\.failed.*It may be that.*makes a plain request of it.*is answered with 200/)
  await plain.say('Ahoy')
  await plain.fate(/^there and back in \d+ ms, SSE$/)
  await plain.press('Heal all')
  await plain.carriedBy('WebSocket', 45_000)
  await plain.lostNothing()
  await photograph(plain.page, 'plain-desktop', { width: 1280, height: 900, colorScheme: 'light' })
  await photograph(plain.page, 'plain-phone', { width: 390, height: 844, colorScheme: 'dark' })
})

it('shows the report of the client', async () => {
  await using visitor = await visit()
  await visitor.press('Report')
  const [report] = await texts(visitor.page, ['#report-text'])
  expect(JSON.parse(report ?? '')).toMatchObject({
    status: 'open',
    attempts: expect.arrayContaining([expect.objectContaining({ transport: 'websocket' })]),
  })
  expect(report).not.toContain('visitor=')
  await visitor.page.keyboard.press('Escape')
})

it('starts over as on a first visit', async () => {
  await using visitor = await visit()
  await visitor.press('Block WebSocket')
  await visitor.carriedBy('SSE')
  await visitor.press('Start over')
  await visitor.carriedBy('WebSocket')
  expect(await visitor.page.locator('[aria-pressed="true"]').count()).toBe(0)
})

it('stays within every width and looks as it looks', async () => {
  await using visitor = await visit()
  const { page } = visitor
  await visitor.say('Ahoy, is anybody on watch?')
  await visitor.press('Block WebSocket')
  await visitor.carriedBy('SSE')
  await visitor.press('Cut everything')
  await waitForText(page, '#eyebrow', /^Nothing carries it/)
  await visitor.say('Said while everything was cut')
  await visitor.press('Cut everything')
  await visitor.fate(/^there and back in/)

  await photograph(page, 'desktop-light', { width: 1280, height: 900, colorScheme: 'light' })
  await photograph(page, 'desktop-dark', { width: 1280, height: 900, colorScheme: 'dark' })
  await photograph(page, 'tablet-light', { width: 820, height: 1180, colorScheme: 'light' })
  await photograph(page, 'phone-light', { width: 390, height: 844, colorScheme: 'light' })
  await photograph(page, 'phone-dark', { width: 360, height: 740, colorScheme: 'dark' })
  await page.emulateMedia({ reducedMotion: 'reduce' })
  // What moves already may come to its end, and nothing new begins.
  await sleep(500)
  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0)
})
