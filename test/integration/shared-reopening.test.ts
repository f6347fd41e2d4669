import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { TabStorage } from '../../src/api/host.ts'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import { session } from '../../src/session/index.ts'
import { shared } from '../../src/shared/index.ts'
import { FakeLocks, FakeTab } from '../support/fake-tab.ts'
import { localTabs } from '../support/local-tabs.ts'
import { startTabRig } from '../support/tab-rig.ts'
import { watchClient } from '../support/watched-client.ts'

/** A rig whose server keeps what it receives. */
async function start(options: RealtimeServerOptions = {}) {
  const received: unknown[] = []
  const rig = await startTabRig({
    onMessage: (each, { data }) => {
      received.push(data)
      each.send(`echo ${data}`)
    },
    ...options,
  })
  return Object.assign(rig, { received })
}

type Situation = readonly [name: string, tabs: number, which: number]

const situations: readonly Situation[] = [
  ['the only tab', 1, 0],
  ['the leader of two tabs', 2, 0],
  ['a tab that follows', 2, 1],
]

/** The tab of a situation, and the others. */
async function opened([_, count, which]: Situation, options: RealtimeServerOptions = {}) {
  const rig = await start(options)
  const tabs = [await rig.open(), ...(count === 2 ? [await rig.open()] : [])]
  const tab = tabs[which]
  if (!tab) throw new RangeError()
  return { rig, tab, others: tabs.filter((each) => each !== tab) }
}

it.each(situations)('connect() in the same task as close() reopens %s', async (...situation) => {
  const { rig, tab, others } = await opened(situation)
  await using _ = rig
  tab.client.send('before')
  await tab.client.flushed()
  const opens = tab.of('open').length
  const closing = tab.client.close()
  tab.client.connect()
  expect(tab.client.state.status).toBe('connecting')
  tab.client.send('after')
  expect(await closing).toEqual({ unsent: [], unconfirmed: [] })
  await vi.waitFor(() => expect(tab.data).toContain('echo after'), 8000)
  expect([tab.client.state.status, tab.of('open').length, rig.received]).toEqual(['open', opens + 1, ['before', 'after']])
  expect(tab.of('open').at(-1)?.resumed).toBe(false)
  await tab.client.flushed()
  for (const other of others) expect(other.client.state.status).toBe('open')
  expect([rig.servers.errors, tab.reported]).toEqual([[], []])
})

it.each(situations)(
  'what %s had queued before close() is sent or returned by it, what it sends after connect() is delivered',
  async (...situation) => {
    const { rig, tab } = await opened(situation)
    await using _ = rig
    tab.client.send('one')
    const closing = tab.client.close()
    tab.client.connect()
    tab.client.send('two')
    const { unsent, unconfirmed } = await closing
    await vi.waitFor(() => expect(rig.received).toContain('two'), 8000)
    await tab.client.flushed()
    expect(rig.received.filter((each) => each === 'two')).toHaveLength(1)
    const ones = rig.received.filter((each) => each === 'one').length
    expect([0, 1]).toContain(ones)
    if (!ones) expect([...unsent, ...unconfirmed]).toEqual(['one'])
    expect([...unsent, ...unconfirmed]).not.toContain('two')
  },
)

it.each(situations)('close() after connect() in the same task closes %s, which can be opened later', async (...situation) => {
  const { rig, tab } = await opened(situation)
  await using _ = rig
  const first = tab.client.close()
  tab.client.connect()
  tab.client.send('last')
  const [{ unsent, unconfirmed }] = await Promise.all([first, tab.client.close()])
  expect({ unsent, unconfirmed, received: rig.received }).toEqual({ unsent: ['last'], unconfirmed: [], received: [] })
  expect(tab.client.state.status).toBe('closed')
  tab.client.connect()
  tab.client.send('later')
  await vi.waitFor(() => expect(tab.data).toContain('echo later'), 8000)
  expect([rig.servers.errors, tab.reported]).toEqual([[], []])
})

it('a tab that is opened after the server has ended the session opens the connection again, for all tabs', async () => {
  const sessions: Session[] = []
  const rig = await start({ onSession: (each) => void sessions.push(each) })
  await using _ = rig
  const first = await rig.open()
  sessions[0]?.close(4321, 'enough')
  await vi.waitFor(() => expect(first.client.state.status).toBe('closed'), 5000)
  const second = await rig.open({ isAwaited: false })
  await vi.waitFor(() => expect([first, second].map(({ client }) => client.state.status)).toEqual(['open', 'open']), 5000)
  expect(second.of('state').map(({ state }) => state.status)).not.toContain('closed')
  second.client.send('new')
  await vi.waitFor(() => expect(first.data).toEqual(['echo new']), 5000)
  expect([sessions.length, second.of('close'), first.of('close').length]).toEqual([2, [], 1])
})

it('a tab that comes back to a connection that the server has ended meanwhile raises `close`, and can open it again', async () => {
  const sessions: Session[] = []
  const rig = await start({ onSession: (each) => void sessions.push(each) })
  await using _ = rig
  const [first, second] = [await rig.open(), await rig.open()]
  second.leave()
  sessions[0]?.close(4321, 'enough')
  await vi.waitFor(() => expect(first.client.state.status).toBe('closed'), 5000)
  second.client.once('close', () => second.client.connect())
  second.comeBack()
  await vi.waitFor(() => expect([first, second].map(({ client }) => client.state.status)).toEqual(['open', 'open']), 5000)
  expect(second.of('close')).toMatchObject([{ code: 4321, reason: 'enough', wasClean: true, retry: null, final: true }])
  expect([sessions.length, second.of('open').at(-1)?.resumed]).toEqual([2, false])
})

describe.each(situations)('%s', (...situation) => {
  it('can be reopened by a listener to its own `close`', async () => {
    const { rig, tab } = await opened(situation)
    await using _ = rig
    tab.client.once('close', () => tab.client.connect())
    const closing = tab.client.close()
    tab.client.send('after')
    expect(await closing).toEqual({ unsent: [], unconfirmed: [] })
    await vi.waitFor(() => expect(tab.data).toEqual(['echo after']), 8000)
    expect(tab.client.state.status).toBe('open')
    for (const { state } of tab.of('state')) expect(state).toHaveProperty('status')
  })

  it('begins one new session if a listener to `close` calls connect() after the server has ended the session', async () => {
    const sessions: Session[] = []
    const { rig, tab } = await opened(situation, { onSession: (each) => void sessions.push(each) })
    await using _ = rig
    tab.client.on('close', ({ final }) => final && tab.client.connect())
    sessions[0]?.close(4321, 'enough')
    tab.client.send('after')
    await vi.waitFor(() => expect(tab.data).toEqual(['echo after']), 8000)
    expect([sessions.length, tab.of('close').length, tab.of('open').at(-1)?.resumed]).toEqual([2, 1, false])
  })

  it('is in the state that an event announces when its listeners run', async () => {
    const sessions: Session[] = []
    const { rig, tab } = await opened(situation, { onSession: (each) => void sessions.push(each) })
    await using _ = rig
    const seen: string[] = []
    for (const type of ['close', 'open', 'state'] as const)
      tab.client.on(type, () => void seen.push(`${type}: ${tab.client.state.status}`))
    tab.client.reconnect()
    const reconnected = ['close: connecting', 'state: connecting', 'open: open', 'state: open']
    await vi.waitFor(() => expect(seen).toEqual(reconnected), 8000)
    seen.length = 0
    sessions[0]?.close(4321, 'enough')
    await vi.waitFor(() => expect(seen).toEqual(['close: closed', 'state: closed']), 8000)
  })

  it('resolves a pending flushed() when close() has delivered the messages', async () => {
    const { rig, tab } = await opened(situation)
    await using _ = rig
    tab.client.send('one')
    const flushed = tab.client.flushed()
    expect(await tab.client.close()).toEqual({ unsent: [], unconfirmed: [] })
    await flushed
    expect(rig.received).toEqual(['one'])
  })

  it('is closed as soon by two calls of close() as by one', async () => {
    const { rig, tab } = await opened(situation, {
      onMessage: async (_, { data }) => {
        await sleep(200)
        rig.received.push(data)
      },
    })
    await using _ = rig
    tab.client.send('one')
    const since = performance.now()
    const flushed = tab.client.flushed()
    const ends = await Promise.all([tab.client.close(), tab.client.close(4001, 'again')])
    expect(ends).toEqual([0, 1].map(() => ({ unsent: [], unconfirmed: [] })))
    await flushed
    expect([rig.received, tab.of('close').length]).toEqual([['one'], 1])
    // Not the 5 s that messages have to be acknowledged.
    expect(performance.now() - since).toBeLessThan(4000)
  })

  it('aborts a request at once, also if it is reopened in the same task', async () => {
    const log: string[] = []
    const { rig, tab } = await opened(situation, {
      onRequest: async (_session, { signal }) => {
        log.push('asked')
        signal.addEventListener('abort', () => log.push('aborted'))
        await sleep(20_000, null, { signal, ref: false })
      },
    })
    await using _ = rig
    const answer = tab.client.request('slow')
    const refused = expect(answer).rejects.toMatchObject({ code: 'closed' })
    await vi.waitFor(() => expect(log).toEqual(['asked']), 5000)
    const since = performance.now()
    const closing = tab.client.close()
    tab.client.connect()
    await Promise.all([refused, closing, tab.nth('open', 2)])
    expect(log).toEqual(['asked', 'aborted'])
    // Not the 5 s that messages have to be acknowledged.
    expect(performance.now() - since).toBeLessThan(4000)
  })

  it('stays closed if it is closed after the server has ended the session, while another tab begins the next', async () => {
    const sessions: Session[] = []
    const { rig, tab, others } = await opened(situation, { onSession: (each) => void sessions.push(each) })
    await using _ = rig
    await sessions[0]?.close(4001, 'bye')
    await vi.waitFor(() => expect(tab.client.state.status).toBe('closed'), 5000)
    const events = tab.events.length
    const closing = tab.client.close()
    for (const other of others) other.client.connect()
    await closing
    await Promise.all(others.map((other) => vi.waitFor(() => expect(other.client.state.status).toBe('open'), 8000)))
    await sleep(100)
    expect(tab.events.slice(events)).toEqual([])
    expect(tab.client.state).toMatchObject({ status: 'closed', code: 4001 })
    expect(() => tab.client.send('void')).toThrow('closed')
    tab.client.connect()
    tab.client.send('again')
    await vi.waitFor(() => expect(tab.data).toEqual(['echo again']), 8000)
  })

  it('joins when its page is shown, if the page was put away while it was reopened', async () => {
    const { rig, tab } = await opened(situation)
    await using _ = rig
    const closing = tab.client.close()
    tab.client.connect()
    tab.leave()
    await closing
    await sleep(300)
    expect(tab.of('open')).toHaveLength(1)
    tab.comeBack()
    tab.client.send('back')
    await vi.waitFor(() => expect(tab.data).toEqual(['echo back']), 8000)
  })
})

it('flushed() of a reopened client does not wait for messages from before, nor fail with them', async () => {
  let isHeld = true
  const received: unknown[] = []
  await using rig = await start({
    onMessage: async (_, { data }) => {
      await vi.waitUntil(() => !isHeld, { timeout: 20_000, interval: 10 })
      received.push(data)
    },
  })
  const [, tab] = [await rig.open(), await rig.open()]
  tab.client.send('slow')
  await sleep(100)
  const closing = tab.client.close()
  tab.client.connect()
  tab.client.send('new')
  const flushed = tab.client.flushed()
  expect(await closing).toEqual({ unsent: [], unconfirmed: ['slow'] })
  isHeld = false
  await flushed
  expect(received).toEqual(['slow', 'new'])
})

it('flushed() settles when a client that was never connected is closed with a call queued', async () => {
  const client = watchClient('http://127.0.0.1:9/realtime', {
    protocol: session(),
    connection: shared({ key: 'x' }),
    autoConnect: false,
    transports: ['websocket'],
    host: { tabs: localTabs() },
  }).client
  client.subscribe('room')
  await sleep(10)
  const flushed = client.flushed()
  await client.close()
  await flushed
})

it("with storage: 'tab' the next leader does not wait for the lock of a session that a frozen leader holds", async () => {
  await using rig = await startTabRig({ onRequest: (_, { data }) => data })
  const locks = new FakeLocks()
  const open = () => rig.open({ protocol: session({ storage: 'tab' }), tab: new FakeTab(locks).page().host.tab as TabStorage })
  const leader = await open()
  const next = await open()
  expect(await next.client.request('before')).toBe('before')
  leader.freeze()
  const frozenAt = performance.now()
  expect(await next.client.request('after')).toBe('after')
  expect(performance.now() - frozenAt).toBeLessThan(2000)
  leader.thaw()
})
