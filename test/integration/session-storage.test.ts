import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { RealtimeOptions } from '../../src/index.ts'
import { type SessionOptions, session } from '../../src/session/index.ts'
import { shared } from '../../src/shared/index.ts'
import { FakeLocks, type FakePage, FakeTab } from '../support/fake-tab.ts'
import { localTabs } from '../support/local-tabs.ts'
import { type SessionRig, sessionTransports, startRig, transportOf } from '../support/session-rig.ts'
import type { WatchedClient } from '../support/watched-client.ts'

const names = sessionTransports.map(({ type }) => type)
const retry = { minDelayMs: 20, maxDelayMs: 100 }

interface Visit {
  readonly page: FakePage
  readonly watched: WatchedClient
}

/** Starts a real server, and loads pages in tabs, each with a client. */
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
    rig,
    told,
    handled,
    publish: (data: string) => rig.servers.server().publish('news', data),
    /** Loads a page in the tab, with a client. */
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

  it('[SP1][SP2] a reload resumes the session: no message is lost or repeated, and the session does not end', async () => {
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

  it('[SP2] a page that loads after a crash reuses no message number, and misses no message', async () => {
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

  it('a page sends the unsent messages of the page before it, with storePayloads', async () => {
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

  it('a page gets the number of lost messages in `restored`, without storePayloads, and sends later ones', async () => {
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
    // Messages that were written and not acknowledged may have arrived.
    expect(stage.handled.length + (restored?.lost ?? -1)).toBe(4)
    two.page.hide()
    expect((await stage.load(tab, { transports }).watched.nth('open')).restored).toEqual({ lost: 0 })
  })
})

it('[SP21] the calls of a page that is gone are withdrawn, with storePayloads: none of them is handled as a message', async () => {
  await using stage = await start()
  const tab = new FakeTab()
  const one = stage.load(tab, {}, { storePayloads: true })
  await one.watched.nth('open')
  await cut(stage.rig)
  one.watched.client.request('asked').catch(() => {})
  one.watched.client.subscribe('topic')
  one.watched.client.send('said')
  one.page.hide()
  await mend(stage.rig)
  const two = stage.load(tab, {}, { storePayloads: true })
  await two.watched.nth('open')
  await two.watched.client.flushed()
  expect(stage.handled).toEqual(['ada: said'])
})

describe('a duplicated tab', () => {
  it('gets its own session, and does not affect that of the original tab', async () => {
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
    // Each tab resumes its own session after a reload.
    for (const [visit, its] of [
      [one, tab],
      [two, copied],
    ] as const) {
      visit.page.hide()
      expect(await stage.load(its).watched.nth('open')).toMatchObject({ resumed: true, restored: { lost: 0 } })
    }
    expect(stage.told).toEqual(['session of ada', 'session of ada'])
  })

  it('finds no session in a browser without locks, which stores it only between pagehide and the next load', async () => {
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

describe('a page restored from the back/forward cache', () => {
  it('resumes its session if no other page has taken it', async () => {
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

  it('starts a new session if another page has taken the old one, and reports which messages may be lost', async () => {
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
    // The other page does so too.
    one.page.hide()
    two.page.show()
    expect((await two.watched.nth('open', 2)).resumed).toBe(false)
  })

  it('starts a new session if a duplicated tab has used the old one, which only the server knows', async () => {
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

describe('a stored session is not resumed', () => {
  it('by another user, for whom no message of the previous user is sent', async () => {
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

  it('after close(), which removes it from the storage', async () => {
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
    // After another connect() the session is stored again.
    await two.watched.client.close()
    two.watched.client.connect()
    await two.watched.nth('open', 2)
    two.page.hide()
    expect((await stage.load(tab).watched.nth('open')).restored).toEqual({ lost: 0 })
  })

  it('after its resume window has passed', async () => {
    await using stage = await start({ resumeWindowMs: 300 })
    const tab = new FakeTab()
    const one = stage.load(tab)
    await one.watched.nth('open')
    one.page.hide()
    await sleep(400)
    expect((await stage.load(tab).watched.nth('open')).restored).toBeUndefined()
  })

  it('by a client of another URL', async () => {
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
    'if the stored text is %j',
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

describe('a full storage', () => {
  it('only prevents the session from being resumed after a reload, and is logged once', async () => {
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
      'steadfast: the tab cannot store all of the session; the rest is lost with the page',
    ])
    expect((await stage.load(tab).watched.nth('open')).restored).toBeUndefined()
    expect(stage.handled).toEqual(['ada: 1'])
  })

  it('with room for only the message numbers loses the messages', async () => {
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

it('sending 1000 messages writes the storage of the tab fewer than 20 times', async () => {
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

it('[SP1] a reload of the only tab of a shared connection resumes the session; a later tab gets no `restored`', async () => {
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

it('[SP1][SP2] after a reload of the only tab of a shared connection its messages and those of later tabs arrive', async () => {
  await using stage = await start()
  const tab = new FakeTab()
  const options = { connection: shared({ key: 'ada' }), host: { tabs: localTabs() } }
  const one = stage.load(tab, options)
  await one.watched.nth('open')
  for (const text of ['1', '2', '3']) one.watched.client.send(text)
  await one.watched.client.flushed()
  one.page.hide()

  const two = stage.load(tab, options)
  two.watched.client.send('4')
  // A tab that is opened before the reloaded one has read its storage.
  const other = stage.load(new FakeTab(), options)
  other.watched.client.send('5')
  const flushed = () => Promise.all([two, other].map(({ watched }) => watched.client.flushed()))
  await flushed()
  two.watched.client.send('6')
  other.watched.client.send('7')
  await flushed()
  expect(stage.handled.toSorted()).toEqual(['1', '2', '3', '4', '5', '6', '7'].map((text) => `ada: ${text}`))
  expect(stage.told).toEqual(['session of ada'])
  await stage.publish('news to all')
  for (const { watched } of [two, other]) await until(() => expect(watched.data).toEqual(['news to all']))
})

it('[SP2] a tab that follows another does not continue its stored session, which is out of date, when it leads', async () => {
  await using stage = await start()
  const options = { connection: shared({ key: 'ada' }), host: { tabs: localTabs() } }
  const locks = new FakeLocks()
  const tab = new FakeTab(locks)
  const one = stage.load(tab, options)
  await one.watched.nth('open')
  one.watched.client.send('before')
  await one.watched.client.flushed()
  const otherTab = new FakeTab(locks)
  const other = stage.load(otherTab, options)
  await other.watched.nth('open')
  one.page.hide()
  const two = stage.load(tab, options)
  await two.watched.nth('open')
  expect(tab.text).toBeUndefined()
  for (const text of ['one', 'two', 'three']) other.watched.client.send(text)
  await other.watched.client.flushed()
  await other.watched.client.close()
  expect(otherTab.text).toBeUndefined()
  two.watched.client.send('after')
  await two.watched.client.flushed()
  await stage.publish('news to all')
  expect(stage.handled).toEqual(['before', 'one', 'two', 'three', 'after'].map((text) => `ada: ${text}`))
  expect(stage.told).toEqual(['session of ada'])
  await until(() => expect(two.watched.data).toEqual(['news to all']))
  expect(idOf(tab)).toBeTypeOf('string')
})
