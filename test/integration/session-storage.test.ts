import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { RealtimeOptions } from '../../src/index.ts'
import { type SessionOptions, session } from '../../src/session/index.ts'
import { shared } from '../../src/shared/index.ts'
import { type FakePage, FakeTab } from '../support/fake-tab.ts'
import { localTabs } from '../support/local-tabs.ts'
import { type SessionRig, sessionTransports, startRig, transportOf } from '../support/session-rig.ts'
import type { WatchedClient } from '../support/watched-client.ts'

const names = sessionTransports.map(({ type }) => type)
const retry = { minDelayMs: 20, maxDelayMs: 100 }

interface Visit {
  readonly page: FakePage
  readonly watched: WatchedClient
}

/** Real servers, and pages of tabs that visit them. */
async function start({ resumeWindowMs = 120_000 } = {}) {
  const told: string[] = []
  const handled: string[] = []
  const rig = await startRig({
    options: {
      resumeWindowMs,
      authenticate: (_, auth) => ({ id: typeof auth === 'string' ? auth : 'ada' }),
      async onSession(session) {
        told.push(`session of ${session.principal.id}`)
        await session.subscribe('news')
      },
      onEnd: (_, { by, code }) => void told.push(`end by ${by} ${code}`),
      onMessage: (session, { data, redelivered }) =>
        void handled.push(
          `${session.principal.id}: ${typeof data === 'string' ? data : Buffer.from(data)}${redelivered ? ' again' : ''}`,
        ),
    },
  })
  const visits: Visit[] = []
  return {
    ...{ rig, told, handled },
    publish: (data: string) => rig.servers.server().publish('news', data),
    /** A page of the tab loads, with a client that connects. */
    load(tab: FakeTab, options: RealtimeOptions = {}, more: SessionOptions = {}): Visit {
      const page = tab.page()
      const host = { ...options.host, ...page.host }
      const watched = rig.watch({ retry, protocol: session({ storage: 'tab', ...more }), ...options, host })
      visits.push({ page, watched })
      return { page, watched }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(visits.map(({ watched }) => watched[Symbol.asyncDispose]()))
      expect(visits.flatMap(({ watched }) => watched.reported)).toEqual([])
      await rig[Symbol.asyncDispose]()
    },
  }
}

const idOf = (tab: FakeTab) => /"id":"([\w-]+)"/.exec(tab.text ?? '')?.[1]
const until = (assertion: () => void) => vi.waitFor(assertion, { timeout: 5000, interval: 5 })

async function cut(rig: SessionRig): Promise<void> {
  await rig.proxy.set({ type: 'refuse' })
  rig.proxy.killAll()
}

async function mend(rig: SessionRig): Promise<void> {
  await rig.proxy.set({ type: 'pass' })
}

describe.each(names)('over %s', (type) => {
  const transports = [transportOf(type)]

  it('[SP1][SP2] a reload goes on with the session: nothing is lost or repeated, and the server sees no end', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    const one = stage.load(tab, { transports })
    expect(await one.watched.nth('open')).not.toHaveProperty('restored')
    one.watched.client.send('1')
    await one.watched.client.flushed()
    await stage.publish('a')
    await until(() => expect(one.watched.data).toEqual(['a']))
    const id = idOf(tab)
    one.page.hide()
    await stage.publish('b')

    const two = stage.load(tab, { transports })
    expect(await two.watched.nth('open')).toMatchObject({ resumed: true, restored: { lost: 0 } })
    two.watched.client.send('2')
    await stage.publish('c')
    await two.watched.client.flushed()
    await until(() => expect(two.watched.data).toEqual(['b', 'c']))
    expect(idOf(tab)).toBe(id)

    two.page.hide()
    const three = stage.load(tab, { transports })
    three.watched.client.send('3')
    await three.watched.client.flushed()
    await stage.publish('d')
    await until(() => expect(three.watched.data).toEqual(['d']))
    expect(stage.handled).toEqual(['ada: 1', 'ada: 2', 'ada: 3'])
    expect([one, two].map(({ watched }) => watched.data)).toEqual([['a'], ['b', 'c']])
    expect(stage.told).toEqual(['session of ada'])
  })

  it('[SP2] a tab that crashes uses no number twice, and misses nothing', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    const one = stage.load(tab, { transports })
    await one.watched.nth('open')
    for (let n = 1; n <= 100; n += 1) one.watched.client.send(String(n))
    await one.watched.client.flushed()
    await stage.publish('a')
    await until(() => expect(one.watched.data).toEqual(['a']))
    await sleep(1200)
    one.watched.client.send('101')
    await until(() => expect(stage.handled).toHaveLength(101))
    one.page.crash()
    await stage.publish('b')

    const two = stage.load(tab, { transports })
    two.watched.client.send('102')
    expect(await two.watched.nth('open')).toMatchObject({ resumed: true, restored: { lost: 0 } })
    await two.watched.client.flushed()
    await until(() => expect(two.watched.data).toEqual(['b']))
    expect(stage.handled).toEqual(Array.from({ length: 102 }, (_, index) => `ada: ${index + 1}`))
    expect(stage.told).toEqual(['session of ada'])
  })

  it('sends what the page before could not, where messages are stored', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    const one = stage.load(tab, { transports }, { storePayloads: true })
    await one.watched.nth('open')
    await cut(stage.rig)
    one.watched.client.send('1')
    one.watched.client.send(new Uint8Array([50]))
    one.page.hide()
    await mend(stage.rig)
    const two = stage.load(tab, { transports }, { storePayloads: true })
    two.watched.client.send('3')
    expect(await two.watched.nth('open')).toMatchObject({ resumed: true, restored: { lost: 0 } })
    await two.watched.client.flushed()
    expect(stage.handled).toEqual(['ada: 1', 'ada: 2', 'ada: 3'])
  })

  it('tells how many are lost where they are not, and goes on behind them', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    const one = stage.load(tab, { transports })
    await one.watched.nth('open')
    one.watched.client.send('1')
    await one.watched.client.flushed()
    await cut(stage.rig)
    one.watched.client.send('2')
    one.watched.client.send('3')
    await sleep(20)
    one.page.hide()
    await mend(stage.rig)
    const two = stage.load(tab, { transports })
    two.watched.client.send('4')
    const { restored } = await two.watched.nth('open')
    await two.watched.client.flushed()
    await sleep(50)
    expect(stage.handled.at(0)).toBe('ada: 1')
    expect(stage.handled.at(-1)).toBe('ada: 4')
    // What was written and never acknowledged may have arrived.
    expect(stage.handled.length + (restored?.lost ?? -1)).toBe(4)
    two.page.hide()
    expect((await stage.load(tab, { transports }).watched.nth('open')).restored).toEqual({ lost: 0 })
  })
})

describe('a copy of the tab', () => {
  it('has a session of its own, and leaves the other as it is', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    const one = stage.load(tab)
    await one.watched.nth('open')
    const copied = tab.copy()
    const two = stage.load(copied)
    const opened = await two.watched.nth('open')
    expect([opened.resumed, opened.restored, stage.told.length]).toEqual([false, undefined, 2])
    expect(idOf(copied)).not.toBe(idOf(tab))
    await stage.publish('a')
    await until(() => expect([one.watched.data, two.watched.data]).toEqual([['a'], ['a']]))
    // Each of them survives a reload by itself.
    for (const [visit, its] of [
      [one, tab],
      [two, copied],
    ] as const) {
      visit.page.hide()
      expect(await stage.load(its).watched.nth('open')).toMatchObject({ resumed: true, restored: { lost: 0 } })
    }
    expect(stage.told).toEqual(['session of ada', 'session of ada'])
  })

  it('finds none where the browser has no locks: it is stored when the page goes away, and taken out by the next', async () => {
    await using stage = await start()
    const tab = new FakeTab(null)
    const one = stage.load(tab)
    await one.watched.nth('open')
    one.watched.client.send('1')
    await one.watched.client.flushed()
    one.page.signal({ type: 'hidden' }, { type: 'visible' })
    expect(tab.text).toBeUndefined()
    expect((await stage.load(tab.copy()).watched.nth('open')).restored).toBeUndefined()
    one.page.hide()
    const two = stage.load(tab)
    expect(await two.watched.nth('open')).toMatchObject({ resumed: true, restored: { lost: 0 } })
    expect(tab.text).toBeUndefined()
    two.page.hide()
    two.page.show()
    expect(await two.watched.nth('open', 2)).toMatchObject({ resumed: true })
    expect(stage.told).toHaveLength(2)
  })
})

describe('the back/forward cache', () => {
  it('brings a page back with its session, which no other has taken meanwhile', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    const one = stage.load(tab)
    await one.watched.nth('open')
    one.page.hide()
    await stage.publish('a')
    one.page.show()
    const opened = await one.watched.nth('open', 2)
    expect([opened.resumed, opened.restored]).toEqual([true, undefined])
    await until(() => expect(one.watched.data).toEqual(['a']))
    expect(stage.told).toEqual(['session of ada'])
  })

  it('brings back a page whose session another has gone on with: it begins anew, and says what may be lost', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    const one = stage.load(tab, {}, { storePayloads: true })
    await one.watched.nth('open')
    await cut(stage.rig)
    await one.watched.nth('close')
    one.watched.client.send('1')
    one.page.hide()
    await mend(stage.rig)
    const two = stage.load(tab, {}, { storePayloads: true })
    two.watched.client.send('2')
    await two.watched.client.flushed()
    two.page.hide()
    one.page.show()
    expect((await one.watched.nth('open', 2)).resumed).toBe(false)
    one.watched.client.send('3')
    await one.watched.client.flushed()
    expect(one.watched.of('error').flatMap(({ unconfirmed }) => unconfirmed ?? [])).toEqual(['1'])
    expect(stage.handled).toEqual(['ada: 1', 'ada: 2', 'ada: 3'])
    expect(stage.told).toEqual(['session of ada', 'session of ada'])
    // And so does the other.
    one.page.hide()
    two.page.show()
    expect((await two.watched.nth('open', 2)).resumed).toBe(false)
  })

  it('a page that did not see that another has gone on is refused by what the server has taken, and begins anew', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    const one = stage.load(tab)
    await one.watched.nth('open')
    one.page.hide()
    const copied = tab.copy()
    const two = stage.load(copied)
    two.watched.client.send('1')
    await two.watched.client.flushed()
    two.page.hide()
    one.page.show()
    one.watched.client.send('2')
    await one.watched.client.flushed()
    expect(stage.handled).toEqual(['ada: 1', 'ada: 2'])
    expect(one.watched.of('open').map(({ resumed }) => resumed)).toEqual([false, false])
  })
})

describe('is not gone on with', () => {
  it('by another user: the server refuses, and nothing of the one before is sent', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    const prepare = (auth: string) => ({ prepare: () => ({ auth }) })
    const one = stage.load(tab, prepare('ada'), { storePayloads: true })
    await one.watched.nth('open')
    await cut(stage.rig)
    one.watched.client.send('a secret')
    one.page.hide()
    await mend(stage.rig)
    const two = stage.load(tab, prepare('eve'), { storePayloads: true })
    two.watched.client.send('mine')
    expect(await two.watched.nth('open')).toMatchObject({ resumed: false, restored: { lost: 1 } })
    await two.watched.client.flushed()
    expect(stage.handled).toEqual(['eve: mine'])
    expect(stage.told).toEqual(['session of ada', 'session of eve'])
    two.page.hide()
    expect(await stage.load(tab, prepare('eve')).watched.nth('open')).toMatchObject({ resumed: true, restored: { lost: 0 } })
  })

  it('after the client was closed: nothing is stored any more', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    const one = stage.load(tab)
    await one.watched.nth('open')
    await one.watched.client.close()
    await sleep(50)
    expect([tab.text, one.page.listening]).toEqual([undefined, 0])
    one.page.hide()
    expect(tab.text).toBeUndefined()
    const two = stage.load(tab)
    expect((await two.watched.nth('open')).restored).toBeUndefined()
    await until(() => expect(stage.told).toEqual(['session of ada', 'end by client 1000', 'session of ada']))
    // A client that connects again is kept again.
    await two.watched.client.close()
    two.watched.client.connect()
    await two.watched.nth('open', 2)
    two.page.hide()
    expect((await stage.load(tab).watched.nth('open')).restored).toEqual({ lost: 0 })
  })

  it('when the server has forgotten it', async () => {
    await using stage = await start({ resumeWindowMs: 300 })
    const tab = new FakeTab()
    const one = stage.load(tab)
    await one.watched.nth('open')
    one.page.hide()
    await sleep(400)
    expect((await stage.load(tab).watched.nth('open')).restored).toBeUndefined()
  })

  it('at another URL', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    const one = stage.load(tab)
    await one.watched.nth('open')
    one.page.hide()
    const [key = '', text = ''] = [...tab.items][0] ?? []
    expect(key).toBe(`steadfast:session:${stage.rig.url}`)
    const other = new FakeTab(undefined, new Map([[`${key}/other`, text]]))
    expect((await stage.load(other).watched.nth('open')).restored).toBeUndefined()
  })

  it.each(['', '{}', 'null', '1 2 3\n', `${Date.now()} 120000 0\n{"id":5}`, `${Date.now()} 120000 0\n[[[[`])(
    'where what is stored is %j',
    async (text) => {
      await using stage = await start()
      const tab = new FakeTab(undefined, new Map([[`steadfast:session:${stage.rig.url}`, text]]))
      const one = stage.load(tab)
      expect((await one.watched.nth('open')).restored).toBeUndefined()
      one.page.hide()
      expect((await stage.load(tab).watched.nth('open')).restored).toEqual({ lost: 0 })
    },
  )
})

describe('a storage that is full', () => {
  it('costs the session at the reload and nothing else, and is told once', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    tab.quota = 10
    const lines: string[] = []
    const one = stage.load(tab, { debug: (line) => lines.push(line) })
    one.watched.client.send('1')
    await one.watched.client.flushed()
    one.page.hide()
    one.page.show()
    expect((await one.watched.nth('open', 2)).resumed).toBe(true)
    one.page.hide()
    expect(lines.filter((line) => line.includes('store'))).toEqual([
      'steadfast: the tab cannot store all of the session; what is not stored is lost with the page',
    ])
    expect((await stage.load(tab).watched.nth('open')).restored).toBeUndefined()
    expect(stage.handled).toEqual(['ada: 1'])
  })

  it('with room for the numbers alone costs the messages', async () => {
    await using stage = await start()
    const tab = new FakeTab()
    tab.quota = 2000
    const one = stage.load(tab, {}, { storePayloads: true })
    await one.watched.nth('open')
    await cut(stage.rig)
    one.watched.client.send('x'.repeat(5000))
    one.page.hide()
    await mend(stage.rig)
    expect((await stage.load(tab, {}, { storePayloads: true }).watched.nth('open')).restored).toEqual({ lost: 1 })
  })
})

it('is written seldom: for numbers set aside, and for what the server is told', async () => {
  await using stage = await start()
  const tab = new FakeTab()
  const one = stage.load(tab, { transports: ['websocket'] })
  await one.watched.nth('open')
  const before = tab.writes
  for (let n = 0; n < 1000; n += 1) {
    one.watched.client.send(String(n))
    if (n % 10 === 0) await sleep(0)
  }
  await one.watched.client.flushed()
  expect(tab.writes - before).toBeLessThan(20)
})

it('[SP1] a reload of the only tab that shares a connection goes on with the session; a tab that joins later is told of no reload', async () => {
  await using stage = await start()
  const tab = new FakeTab()
  const options = { connection: shared({ key: 'ada' }), host: { tabs: localTabs() } }
  const one = stage.load(tab, options)
  await one.watched.nth('open')
  one.page.hide()
  const two = stage.load(tab, options)
  expect(await two.watched.nth('open')).toMatchObject({ resumed: true, restored: { lost: 0 } })
  const other = await stage.load(new FakeTab(), options).watched.nth('open')
  expect(other).toMatchObject({ resumed: false })
  expect(other).not.toHaveProperty('restored')
  expect(stage.told).toEqual(['session of ada'])
})
