import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { describe, expect, it, vi } from 'vitest'
import { openPage } from '../support/browser-page.ts'
import type { Engine, EngineName, EnginePage } from '../support/engines.ts'
import { want } from '../support/equipment.ts'
import { type PageGlobals, SCRIPT } from '../support/page-client.ts'
import { startRig, transportOf } from '../support/session-rig.ts'
import { launchWithPageCache, useChromium } from '../support/use-chromium.ts'
import { useEngine } from '../support/use-engine.ts'

/** What the successive pages of a tab have recorded in its sessionStorage. */
interface TabLog {
  /** `<resumed> <lost>` of each `open`; the latter is `-` where nothing was restored. */
  readonly opens: readonly string[]
  readonly said: readonly string[]
  readonly heard: readonly string[]
}

const none: TabLog = { opens: [], said: [], heard: [] }

async function start() {
  const told: string[] = []
  const handled: string[] = []
  const rig = await startRig({
    page: { script: SCRIPT },
    options: {
      async onSession(session) {
        told.push('session')
        await session.subscribe('news')
      },
      onEnd: () => void told.push('end'),
      onMessage: (_, { data, redelivered }) => void handled.push(`${data}${redelivered ? ' again' : ''}`),
    },
  })
  return {
    rig,
    told,
    handled,
    origin: rig.proxy.url,
    publish: (data: string) => rig.servers.server().publish('news', data),
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  }
}

/** Creates a client that records in sessionStorage what it sends and receives; with `says` it sends a number every 20 ms. */
function visit(page: Pick<EnginePage, 'evaluate'>, transports: readonly unknown[], { says = false } = {}): Promise<void> {
  return page.evaluate(
    ([transports, says]) => {
      const { Steadfast } = globalThis as unknown as PageGlobals
      const note = (kind: 'opens' | 'said' | 'heard', text: string) => {
        const log = JSON.parse(sessionStorage.getItem('log') ?? '{"opens":[],"said":[],"heard":[]}')
        log[kind].push(text)
        // Always of the same length, so that it still fits when the storage is full.
        sessionStorage.setItem('log', JSON.stringify(log).padEnd(20_000))
        return log[kind].length as number
      }
      const client = new Steadfast.RealtimeClient('/realtime', {
        protocol: Steadfast.session({ storage: 'tab', storePayloads: true }),
        transports: JSON.parse(transports),
      })
      client.on('open', ({ resumed, restored }) => void note('opens', `${resumed} ${restored?.lost ?? '-'}`))
      client.on('message', ({ data }) => void note('heard', String(data)))
      const stopSaying = new AbortController()
      if (says) {
        const saying = setInterval(() => {
          const { said } = JSON.parse(sessionStorage.getItem('log') ?? '{"said":[]}') as TabLog
          client.send(String(said.length + 1))
          note('said', String(said.length + 1))
        }, 20)
        stopSaying.signal.addEventListener('abort', () => clearInterval(saying))
      }
      Object.assign(globalThis, { client, stopSaying, isVisited: true })
    },
    [JSON.stringify(transports), says] as const,
  )
}

async function logOf(page: Pick<EnginePage, 'evaluate'>): Promise<TabLog> {
  const text = await page.evaluate(() => sessionStorage.getItem('log'))
  return text ? JSON.parse(text) : none
}

async function until(page: Pick<EnginePage, 'evaluate'>, assertion: (log: TabLog) => void): Promise<void> {
  await vi.waitFor(async () => assertion(await logOf(page)), { timeout: 10_000, interval: 50 })
}

/** Reloads the page, and waits for the script of the next one. */
async function reload(page: EnginePage): Promise<void> {
  await page.evaluate(() => {
    setTimeout(() => location.reload())
  })
  await vi.waitFor(
    async () => {
      const isNext = await page.evaluate(() => 'Steadfast' in globalThis && !('isVisited' in globalThis))
      expect(isNext).toBe(true)
    },
    { timeout: 10_000, interval: 20 },
  )
}

const numbers = (last: number) => Array.from({ length: last }, (_, index) => String(index + 1))

describe.each(['chromium', 'firefox'] as const satisfies readonly EngineName[])('in %s', (name) => {
  let engine: Engine
  useEngine(name, (started) => {
    engine = started
  })

  it.each(['websocket', 'sse', 'long-poll'] as const)(
    '[SP1][SP2] a session over %s survives reloads during traffic both ways: no message is lost or repeated',
    { timeout: 60_000 },
    async (type) => {
      await using stage = await start()
      await using page = await engine.open(stage.origin)
      const transports = [transportOf(type)]
      await visit(page, transports, { says: true })
      await until(page, ({ opens }) => expect(opens).toEqual(['false -']))
      let published = 0
      const publishing = setInterval(() => {
        published += 1
        stage.publish(String(published)).catch(() => {})
      }, 20)
      for (let times = 1; times <= 4; times += 1) {
        await sleep(400)
        await reload(page)
        await visit(page, transports, { says: true })
        await until(page, ({ opens }) => expect(opens).toHaveLength(times + 1))
      }
      clearInterval(publishing)
      await sleep(100)
      await page.evaluate(() => (globalThis as unknown as { stopSaying: AbortController }).stopSaying.abort())
      await until(page, ({ heard }) => expect(heard).toHaveLength(published))
      await page.evaluate(() => (globalThis as unknown as PageGlobals).client.flushed())
      const { opens, said, heard } = await logOf(page)
      expect(heard).toEqual(numbers(published))
      expect(said).toEqual(numbers(said.length))
      expect(stage.handled).toEqual(said)
      expect(opens).toEqual(['false -', 'true 0', 'true 0', 'true 0', 'true 0'])
      expect(stage.told).toEqual(['session'])
    },
  )
})

describe('in Chromium', () => {
  let browser: Browser
  useChromium((started) => {
    browser = started
  }, launchWithPageCache)
  const over = ['websocket', 'long-poll'] as const

  it('a window that the page opens copies its storage, and has a session of its own', async () => {
    await using stage = await start()
    await using opened = await openPage(browser, { origin: stage.origin })
    const { page } = opened
    await visit(page, ['websocket'])
    await until(page, ({ opens }) => expect(opens).toEqual(['false -']))
    const coming = page.waitForEvent('popup')
    await page.evaluate(() => void open('/'))
    const copy: Page = await coming
    await copy.waitForLoadState('load')
    const keys = (of: Page) =>
      of.evaluate(() => {
        const key = Object.keys(sessionStorage).find((each) => each.startsWith('steadfast:session:'))
        return /"id":"([\w-]+)"/.exec(sessionStorage.getItem(key ?? '') ?? '')?.[1]
      })
    expect(await keys(copy)).toBe(await keys(page))
    await visit(copy, ['websocket'])
    await until(copy, ({ opens }) => expect(opens).toEqual(['false -', 'false -']))
    expect(await keys(copy)).not.toBe(await keys(page))
    await stage.publish('to both')
    for (const each of [page, copy]) await until(each, ({ heard }) => expect(heard).toEqual(['to both']))
    expect(stage.told).toEqual(['session', 'session'])
    // The first page still has its session.
    await page.reload({ waitUntil: 'load' })
    await visit(page, ['websocket'])
    await until(page, ({ opens }) => expect(opens).toEqual(['false -', 'true 0']))
    expect(opened.errors).toEqual([])
  })

  it('with a full storage the session works until a reload, which then starts a new one', async () => {
    await using stage = await start()
    await using opened = await openPage(browser, { origin: stage.origin })
    const { page } = opened
    await page.evaluate(() => {
      sessionStorage.setItem('log', '{"opens":[],"said":[],"heard":[]}'.padEnd(20_000))
      let size = 2 ** 22
      for (let n = 0; size >= 1; n += 1) {
        try {
          sessionStorage.setItem(`x${n}`, 'x'.repeat(size))
        } catch {
          size = Math.floor(size / 2)
        }
      }
    })
    await visit(page, ['websocket'])
    await until(page, ({ opens }) => expect(opens).toEqual(['false -']))
    await page.evaluate(async () => {
      const { client } = globalThis as unknown as PageGlobals
      client.send('1')
      await client.flushed()
    })
    await page.reload({ waitUntil: 'load' })
    await visit(page, ['websocket'])
    await until(page, ({ opens }) => expect(opens).toEqual(['false -', 'false -']))
    expect([stage.handled, opened.errors, opened.console]).toEqual([['1'], [], []])
  })

  describe.each(over)('over %s', (type) => {
    it('a page that comes back from the back/forward cache resumes its session', async (context) => {
      await want(context, 'a Chromium with windows')
      await using stage = await start()
      await using opened = await openPage(browser, { origin: stage.origin })
      const { page } = opened
      await visit(page, [transportOf(type)])
      await until(page, ({ opens }) => expect(opens).toEqual(['false -']))
      await page.goto(`${stage.origin}/?elsewhere`, { waitUntil: 'load' })
      await stage.publish('meanwhile')
      await page.evaluate(() => history.back())
      await vi.waitFor(async () => expect(await page.evaluate(() => 'isVisited' in globalThis)).toBe(true), 5000)
      await until(page, ({ opens, heard }) => expect([opens, heard]).toEqual([['false -', 'true -'], ['meanwhile']]))
      expect([stage.told, opened.errors]).toEqual([['session'], []])
    })
  })
})
