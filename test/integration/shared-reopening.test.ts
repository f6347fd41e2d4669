import { expect, it, vi } from 'vitest'
import { startTabRig } from '../support/tab-rig.ts'

/** A rig whose server keeps what it receives. */
async function start() {
  const received: unknown[] = []
  const rig = await startTabRig({
    onMessage: (session, { data }) => {
      received.push(data)
      session.send(`echo ${data}`)
    },
  })
  return Object.assign(rig, { received })
}

const situations = [
  ['the only tab', 1, 0],
  ['the leader of two tabs', 2, 0],
  ['a tab that follows', 2, 1],
] as const

it.each(situations)('connect() in the same task as close() reopens %s', async (_, count, which) => {
  await using rig = await start()
  const tabs = [await rig.open(), ...(count === 2 ? [await rig.open()] : [])]
  const tab = tabs[which]
  if (!tab) throw new RangeError()
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
  await tab.client.flushed()
  for (const each of tabs) if (each !== tab) expect(each.client.state.status).toBe('open')
  expect([rig.servers.errors, tab.reported]).toEqual([[], []])
})

it.each(situations)(
  'what %s had queued before close() is sent or returned by it, what it sends after connect() is delivered',
  async (_, count, which) => {
    await using rig = await start()
    const tabs = [await rig.open(), ...(count === 2 ? [await rig.open()] : [])]
    const tab = tabs[which]
    if (!tab) throw new RangeError()
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

it.each(situations)('close() after connect() in the same task closes %s, which can be opened later', async (_, count, which) => {
  await using rig = await start()
  const tabs = [await rig.open(), ...(count === 2 ? [await rig.open()] : [])]
  const tab = tabs[which]
  if (!tab) throw new RangeError()
  const first = tab.client.close()
  tab.client.connect()
  tab.client.send('last')
  const [{ unsent, unconfirmed }] = await Promise.all([first, tab.client.close()])
  expect([...unsent, ...unconfirmed, ...rig.received]).toEqual(['last'])
  expect(tab.client.state.status).toBe('closed')
  tab.client.connect()
  tab.client.send('later')
  await vi.waitFor(() => expect(tab.data).toContain('echo later'), 8000)
  expect([rig.servers.errors, tab.reported]).toEqual([[], []])
})
