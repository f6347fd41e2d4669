import type { Browser } from 'playwright-core'
import { beforeEach, expect, it } from 'vitest'
import { nextModules } from '../../scripts/fetch-next.mjs'
import { openPage } from '../support/browser-page.ts'
import { want } from '../support/equipment.ts'
import { says, screenshot } from '../support/example-page.ts'
import { startExample } from '../support/examples.ts'
import { useChromium } from '../support/use-chromium.ts'

let browser: Browser
useChromium((started) => {
  browser = started
})
beforeEach((context) => want(context, 'Next'))

const env = { NEXT_TELEMETRY_DISABLED: '1' }
const options = { timeout: 240_000 }

it('next-app, in production: the server renders the history, and the page continues after it', options, async () => {
  await using app = await startExample('next-app', { env, packages: nextModules })
  const visitor = async () => {
    const opened = await openPage(browser, { origin: 'about:blank', path: '' })
    const connections: string[] = []
    opened.page.on('websocket', (socket) => connections.push(socket.url()))
    await opened.page.goto(app.origin)
    const post = async (text: string) => {
      await opened.page.getByLabel('Your message').fill(text)
      await opened.page.getByRole('button').click()
    }
    return { ...opened, connections, post, [Symbol.asyncDispose]: () => opened.close() }
  }
  const rendered = async () => [...(await (await fetch(app.origin)).text()).matchAll(/<li>([^<]*)/g)].map(([, text]) => text)

  await using ann = await visitor()
  await says(ann.page, '[role=status]', /online/)
  await ann.post('one')
  await says(ann.page, 'ol', /^one$/)
  await ann.post('two')
  await says(ann.page, 'ol', /^two\s+one$/)
  expect(await rendered()).toEqual(['two', 'one'])

  // Earlier messages are in the HTML, and appear once after the script has run.
  await using ben = await visitor()
  await says(ben.page, 'ol', /^two\s+one$/)
  await ben.post('three')
  for (const { page } of [ann, ben]) await says(page, 'ol', /^three\s+two\s+one$/)
  await ben.page.reload()
  await says(ben.page, 'ol', /^three\s+two\s+one$/)
  await says(ben.page, '[role=status]', /online/)
  await ann.post('four')
  for (const { page } of [ann, ben]) await says(page, 'ol', /^four\s+three\s+two\s+one$/)
  await screenshot(ann.page, 'next-app')
  expect(ann.connections).toHaveLength(1)

  // The form works without JavaScript too.
  await using plain = await browser.newContext({ javaScriptEnabled: false })
  const page = await plain.newPage()
  await page.goto(app.origin)
  await page.getByLabel('Your message').fill('five')
  await page.getByRole('button').click()
  await says(ann.page, 'ol', /^five\s+four/)
  expect([ann.errors, ben.errors]).toEqual([[], []])
  expect(ann.console.filter(({ type }) => type === 'error')).toEqual([])
})

// Next listens for upgrades from its first request on.
const attach = 'globalThis.board.realtime.attach(server)'
const attachAfterNext = `server.on('newListener', function attach(type) {
  if (type === 'upgrade') server.off('newListener', attach), setImmediate(() => {
    console.log('upgrade listeners before attach():', server.listenerCount('upgrade'))
    ${attach}
  })
})`

it.each(['first', 'last'])(
  'next-app, in development, attached %s: one connection survives hot updates',
  options,
  async (order) => {
    await using app = await startExample('next-app', { env, packages: nextModules, script: 'dev' })
    if (order === 'last') {
      app.edit('server.mjs', attach, attachAfterNext)
      await app.restart()
    }
    await using ann = await openPage(browser, { origin: 'about:blank', path: '' })
    const connections: string[] = []
    ann.page.on('websocket', (socket) => socket.url().includes('/realtime') && connections.push(socket.url()))
    // Next compiles the page on this request.
    await ann.page.goto(app.origin, { timeout: 120_000 })
    await says(ann.page, '[role=status]', /online/)
    await ann.page.getByLabel('Your message').fill('one')
    await ann.page.getByRole('button', { name: 'Post' }).click()
    await says(ann.page, 'ol', /^one$/)

    app.edit('app/live.jsx', '{status} {retryInMs', 'The board is {status} {retryInMs')
    await says(ann.page, '[role=status]', /The board is online/)
    await says(ann.page, 'ol', /^one$/)
    await ann.page.getByLabel('Your message').fill('two')
    await ann.page.getByRole('button', { name: 'Post' }).click()
    await says(ann.page, 'ol', /^two\s+one$/)
    expect(connections).toHaveLength(1)
    expect(ann.errors).toEqual([])
    if (order === 'last') expect(app.lines).toContain('upgrade listeners before attach(): 1')
  },
)
