import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type Demo, startDemo } from '../support/demo.ts'
import { photograph, ranks, texts, visitDemo, waitForText } from '../support/demo-visitor.ts'
import { useChromium } from '../support/use-chromium.ts'

/** The demo as a visitor uses it: the test presses its fault buttons and reads the effects off the page. */

/** After a loss only the proven transport is dialled for some rounds; then the others are tried too. */
const fallbackMs = 30_000

vi.setConfig({ testTimeout: 150_000 })

let browser: Browser
let demo: Demo

useChromium((started) => {
  browser = started
})
beforeAll(async () => {
  demo = await startDemo()
}, 180_000)
afterAll(() => demo?.[Symbol.asyncDispose]())

function visit({ origin }: Demo, path?: '/plain') {
  return visitDemo(browser, origin, path)
}

// Concurrent, since these tests mostly wait; the longest come first. A chat message reaches all visitors of a server, so a test
// that sends one has a server of its own.
it.concurrent('a page falls back to SSE while WebSocket is blocked, and is then promoted without interruption', async () => {
  await using visitor = await visit(demo)
  await visitor.press('Block WebSocket')
  await visitor.carriedBy('SSE', fallbackMs)
  expect((await ranks(visitor.page)).slice(0, 2)).toEqual(['resting', 'carrying'])
  expect(await visitor.page.getByRole('button', { name: 'Block WebSocket' }).getAttribute('aria-pressed')).toBe('true')
  await visitor.explains(/^Connected over SSE, because WebSocket does not work here now/)

  await visitor.press('Undo all')
  await visitor.carriedBy('WebSocket', 45_000)
  expect(await texts(visitor.page, ['#detail'])).toEqual([expect.stringContaining('moved here from SSE without a break')])
  await waitForText(visitor.page, '#told', /moved once/)
  await visitor.explains(/^All is well. Connected over WebSocket, the best of the four/)
  await visitor.lostNothing()
  await photograph(visitor.page, 'climbed', { width: 1280, height: 900, colorScheme: 'dark' })
})

it.concurrent('a page in plain mode falls back under the same faults, and delivers its chat messages', async () => {
  await using own = await startDemo()
  {
    await using visitor = await visit(own)
    const { page } = visitor
    await page.getByRole('link', { name: 'Plain' }).click()
    await visitor.carriedBy('WebSocket')
    expect(new URL(page.url()).pathname).toBe('/plain')
    expect(await page.locator('.counted').isVisible()).toBe(false)
  }
  await using plain = await visit(own, '/plain')
  await plain.press('Strip the upgrade')
  await plain.carriedBy('SSE', fallbackMs)
  // Plain mode has no server ledger, so the diagnosis cannot tell which of several causes it is.
  await plain.explains(/ws\.failed.*It may be that.*makes a plain request of it.*is answered with 200/)
  await plain.say('Ahoy')
  await plain.fate(/^there and back in \d+ ms, SSE$/)
  await plain.press('Undo all')
  await plain.carriedBy('WebSocket', 45_000)
  await plain.lostNothing()
  await photograph(plain.page, 'plain-desktop', { width: 1280, height: 900, colorScheme: 'light' })
  await photograph(plain.page, 'plain-phone', { width: 390, height: 844, colorScheme: 'dark' })
})

it.concurrent('a page diagnoses held-back and cut-off event streams, and falls back to long-poll', async () => {
  await using held = await visit(demo)
  await using torn = await visit(demo)
  await using plain = await visit(demo, '/plain')
  // Connections that are lost after opening prompt no follow-up question, so one can still be asked about the silent stream.
  await held.press('Kill after open')
  await torn.press('Strip the upgrade')
  await plain.press('Block WebSocket')
  for (const { carriedBy } of [held, torn, plain]) await carriedBy('SSE', fallbackMs)
  await held.press('Hold back SSE')
  await plain.press('Hold back SSE')
  await torn.press('Tear an event')
  await torn.explains(/SSE: Probably the answer from [\d.:]+ was cut off on the way.*stream\.truncated/)
  await held.carriedBy('Long-poll', fallbackMs)
  await held.explains(/^Connected over Long-poll, because WebSocket and SSE do not work.*SSE: Probably a proxy holds back/)
  await torn.carriedBy('Long-poll', fallbackMs)
  await plain.carriedBy('Long-poll', fallbackMs)
  await plain.explains(/SSE: It opened, and nothing came/)
  for (const { lostNothing } of [held, torn, plain]) await lostNothing()
})

it.concurrent('a page detects a silent connection and replaces it', async () => {
  await using visitor = await visit(demo)
  await using plain = await visit(demo, '/plain')
  for (const each of [visitor, plain]) {
    await each.press('Go silent')
    await each.explains(/but nothing comes/)
    await each.explains(/^All is well.*WebSocket: The connection had gone silent/, 15_000)
    await waitForText(each.page, '#log', /silent, replaced after/)
    await each.lostNothing()
  }
})

it.concurrent("a page explains a final close in the application's words, and connects again when told to", async () => {
  await using own = await startDemo()
  await using visitor = await visit(own)
  await using plain = await visit(own, '/plain')
  await using polling = await visit(own, '/plain')
  await polling.press('Block WebSocket')
  await polling.carriedBy('SSE', fallbackMs)
  for (const each of [visitor, plain, polling]) {
    await each.press('End the trial')
    await waitForText(each.page, '#eyebrow', 'Closed (4402)')
    await each.explains(/has stopped.*Your trial of this lighthouse is over.*certain.*What to do: Connect again/)
    await each.page.locator('#connect-here').click()
    await each.carriedBy(each === polling ? 'SSE' : 'WebSocket', fallbackMs)
    await sleep(3000)
    await each.lostNothing()
  }
  await waitForText(visitor.page, '#told', /begun anew once/)
  await visitor.say('Here again')
  await visitor.fate(/^there and back in/)
})

it.concurrent('a page falls back to SSE from swallowed handshakes and from resets after opening', async () => {
  await using swallowed = await visit(demo)
  await using killed = await visit(demo)
  await swallowed.press('Swallow handshake')
  await killed.press('Kill after open')
  await swallowed.carriedBy('SSE', fallbackMs)
  await killed.carriedBy('SSE', fallbackMs)
  await swallowed.lostNothing()
  await killed.lostNothing()
})

it.concurrent('a page diagnoses a stripped upgrade, a damaged handshake and a damaged frame, and stays on SSE', async () => {
  await using stripped = await visit(demo)
  await using answered = await visit(demo)
  await using damaged = await visit(demo)
  await stripped.press('Strip the upgrade')
  await answered.press('Damage handshake')
  await damaged.press('Damage a frame')
  await stripped.explains(/A proxy removes the headers.*certain.*at first: Possibly the browser could not connect/, fallbackMs)
  await stripped.explains(/the server says that a request arrived, and no WebSocket.*What to do: .*Upgrade/)
  await answered.explains(
    /Probably the answer to the WebSocket handshake with .* was invalid.*likely.*Or else .*the server says that it accepted the attempt/,
    25_000,
  )
  await damaged.explains(/An invalid WebSocket frame came.*conn\.protocol_error.*certain/, fallbackMs)
  for (const visitor of [stripped, answered, damaged]) {
    await visitor.carriedBy('SSE', fallbackMs)
    await visitor.explains(/^Connected over SSE, because WebSocket does not work here now/)
    await visitor.lostNothing()
  }
  // The refined diagnosis replaces the first one in the log.
  await waitForText(stripped.page, '#log', /WebSocketfailed after [\d.]+ m?sws\.upgrade_stripped, certain/)
})

it.concurrent('a page diagnoses a 503 and a captive portal that answer in place of the server', async () => {
  await using busy = await visit(demo)
  await using guest = await visit(demo)
  await busy.press('Answer 503')
  await guest.press('Captive portal')
  await busy.explains(/^Not connected.*SSE.*: Probably a proxy or firewall answered 503 in place of .*likely/, 30_000)
  await waitForText(busy.page, '#next', /^Next try in \d+ s, since the server asked for a pause of 5 s/)
  await guest.explains(
    /SSE.*Poll: Probably a proxy or firewall answered 200 in place of .*likely.*wants a login first/,
    fallbackMs,
  )
  await photograph(guest.page, 'portal-phone', { width: 390, height: 844, colorScheme: 'light' })
  for (const { press } of [busy, guest]) await press('Undo all')
  for (const { carriedBy, explains, lostNothing } of [busy, guest]) {
    // A round that began with a refused WebSocket may open another transport; WebSocket is tried again half a minute later.
    await carriedBy('WebSocket', 60_000)
    await explains(/^All is well.*What went wrong a moment ago/)
    await lostNothing()
  }
})

it.concurrent('a page falls back to poll when all other transports are blocked, and logs the attempts', async () => {
  await using visitor = await visit(demo)
  await visitor.press('Block SSE')
  await visitor.press('Block long-poll')
  await visitor.press('Block WebSocket')
  // Until the outage has lasted longer than a restart would, only one transport is dialled.
  await visitor.carriedBy('Poll', 40_000)
  await vi.waitFor(async () => expect(await ranks(visitor.page)).toEqual(['resting', 'resting', 'resting', 'carrying']), 5000)
  expect(await visitor.page.locator('#log').innerText()).toMatch(
    /Poll\s+opened after[\s\S]*Long-poll\s+failed after[\s\S]*SSE\s+failed/,
  )
  await visitor.lostNothing()
})

it.concurrent('a chat message comes back to its sender, also one sent while all connections were cut', async () => {
  await using own = await startDemo()
  await using visitor = await visit(own)
  await using other = await visit(own, '/plain')
  await visitor.say('Ahoy')
  await visitor.fate(/^there and back in \d+ ms, WebSocket$/)
  await waitForText(other.page, '#lines', /Ahoy/)

  await visitor.press('Cut everything')
  await waitForText(visitor.page, '#eyebrow', /^Not connected|^Retry/)
  await visitor.say('Still here')
  await visitor.fate(/^waits for a connection$/)
  await visitor.press('Cut everything')
  await visitor.fate(/^there and back in/)
  await waitForText(other.page, '#lines', /Still here/)
  await visitor.lostNothing()
  await other.lostNothing()
})

it.concurrent('Start over removes the faults, and the page connects over WebSocket', async () => {
  await using visitor = await visit(demo)
  await visitor.press('Block WebSocket')
  await visitor.carriedBy('SSE', fallbackMs)
  await visitor.press('Start over')
  await visitor.carriedBy('WebSocket')
  expect(await visitor.page.locator('[aria-pressed="true"]').count()).toBe(0)
})

it.concurrent('Report shows the report of the client without the key of the visitor', async () => {
  await using visitor = await visit(demo)
  await visitor.press('Report')
  const [report] = await texts(visitor.page, ['#report-text'])
  expect(JSON.parse(report ?? '')).toMatchObject({
    status: 'open',
    attempts: expect.arrayContaining([expect.objectContaining({ transport: 'websocket' })]),
  })
  expect(report).not.toContain('visitor=')
  await visitor.page.keyboard.press('Escape')
})
