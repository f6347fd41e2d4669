import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { Session } from '../../src/server/index.ts'
import { startTabRig } from '../support/tab-rig.ts'

/** A server whose handler records what it is asked, and answers once `release()` is called or it is aborted. */
async function start() {
  const log: string[] = []
  const releases: (() => void)[] = []
  let session: Session | undefined
  const rig = await startTabRig({
    onSession(begun) {
      session = begun
    },
    onRequest: (_, { data, signal }) =>
      new Promise((resolve) => {
        log.push(`${data} begins${signal.aborted ? ', aborted' : ''}`)
        signal.addEventListener('abort', () => {
          log.push(`${data} aborted`)
          resolve('')
        })
        releases.push(() => resolve(`re: ${data}`))
      }),
  })
  return Object.assign(rig, {
    log,
    release() {
      for (const each of releases.splice(0)) each()
    },
    end: () => session?.close(4410, 'ended'),
    ask(data: string, timeoutMs = 8000) {
      if (!session) throw new RangeError('There is no session.')
      return session.request(data, { timeoutMs }).catch((error) => error.code)
    },
  })
}

describe('a request that is given up', () => {
  it('while the leader is frozen is never handled', async () => {
    await using rig = await start()
    const [leader, follower] = [await rig.open(), await rig.open()]
    await sleep(100)
    leader.freeze()
    const aborting = new AbortController()
    const late = follower.client.request('late', { timeoutMs: 400 }).catch((error) => error.code)
    const aborted = follower.client.request('aborted', { signal: aborting.signal }).catch((error) => error.name)
    const kept = follower.client.request('kept')
    setTimeout(() => aborting.abort(), 300)
    expect([await late, await aborted]).toEqual(['timeout', 'AbortError'])
    await vi.waitFor(() => expect(rig.log).toEqual(['kept begins']), 5000)
    rig.release()
    expect(await kept).toBe('re: kept')
    await follower.client.flushed()
    expect(rig.log).toEqual(['kept begins'])
  })

  it('while the leader numbers it is aborted', async () => {
    await using rig = await start()
    const [, follower] = [await rig.open(), await rig.open()]
    await sleep(100)
    const aborting = new AbortController()
    const aborted = follower.client.request('x', { signal: aborting.signal }).catch((error) => error.name)
    // It is posted in a microtask.
    await Promise.resolve()
    await Promise.resolve()
    await Promise.resolve()
    aborting.abort()
    expect(await aborted).toBe('AbortError')
    await vi.waitFor(() => expect(rig.log).toEqual(['x begins', 'x aborted']), 5000)
  })
})

it.each(['follows', 'leads'])('close() of a tab that %s aborts its requests, and no others', async (role) => {
  await using rig = await start()
  const [first, second] = [await rig.open(), await rig.open()]
  const [closed, other] = role === 'leads' ? [first, second] : [second, first]
  const reply = other.client.request('other')
  const mine = closed.client.request('mine').catch((error) => error.code)
  await vi.waitFor(() => expect(rig.log.toSorted()).toEqual(['mine begins', 'other begins']), 5000)
  const queued = closed.client.request('queued').catch((error) => error.code)
  const closing = closed.client.close()
  await vi.waitFor(() => expect(rig.log.slice(2)).toEqual(['mine aborted']), 3000)
  expect([await mine, await queued]).toEqual(['closed', 'closed'])
  rig.release()
  expect(await reply).toBe('re: other')
  await closing
  expect(rig.log).toHaveLength(3)
})

it("a request that was rejected with 'closed' is not handled in the next session of the tabs", async () => {
  await using rig = await start()
  const tabs = [await rig.open(), await rig.open()]
  const asked = tabs.map((tab, index) => tab.client.request(`of tab ${index}`).catch((error) => error.code))
  await vi.waitFor(() => expect([...rig.log].sort()).toEqual(['of tab 0 begins', 'of tab 1 begins']), 5000)
  await rig.end()
  expect(await Promise.all(asked)).toEqual(['closed', 'closed'])
  rig.log.length = 0
  tabs[1]?.client.connect()
  await vi.waitFor(() => expect(tabs[0]?.client.state.status).toBe('open'), 5000)
  const later = tabs[0]?.client.request('later')
  await vi.waitFor(() => expect(rig.log).toContain('later begins'), 5000)
  rig.release()
  expect(await later).toBe('re: later')
  expect(rig.log).toEqual(['later begins'])
})

describe('a request of the server', () => {
  const answerers = async (count: number) => {
    const rig = await start()
    const tabs = []
    const asked: string[] = []
    const done: (() => void)[] = []
    for (let index = 0; index < count; index += 1) {
      const tab = await rig.open()
      tab.client.onrequest = ({ data, signal }) => {
        asked.push(`${index} ${data}`)
        signal.addEventListener('abort', () => asked.push(`${index} aborted`))
        return index === 0 ? new Promise<string>((resolve) => done.push(() => resolve('0 answers'))) : `${index} answers`
      }
      tabs.push(tab)
    }
    return { rig, tabs, asked, done }
  }

  it.each([
    ['is closed by its user', 'leave'],
    ['closes its client', 'close'],
    ['is frozen', 'freeze'],
  ] as const)('is answered by the next leader if the leader %s meanwhile', async (_, how) => {
    const { rig, tabs, asked } = await answerers(3)
    await using _rig = rig
    const [leader] = tabs
    const answer = rig.ask('q')
    await vi.waitFor(() => expect(asked).toEqual(['0 q']), 5000)
    if (how === 'close') void leader?.client.close()
    else leader?.[how]()
    expect(await answer).toMatch(/^[12] answers$/)
    expect(asked.filter((each) => each.endsWith('q'))).toHaveLength(2)
    if (how === 'leave') leader?.comeBack()
    leader?.thaw()
    await vi.waitFor(() => expect(asked).toContain('0 aborted'), 5000)
    await sleep(300)
    expect(asked.filter((each) => each.endsWith('q'))).toHaveLength(2)
    expect(await rig.ask('next')).toMatch(/answers$/)
    expect(rig.servers.errors).toEqual([])
  })

  it('is not answered by a woken leader whose handler rejects since it was aborted', async () => {
    await using rig = await start()
    const log: string[] = []
    const [first, second] = [await rig.open(), await rig.open()]
    first.client.onrequest = ({ signal }) =>
      new Promise((_, reject) => {
        log.push('first')
        signal.addEventListener('abort', () => {
          log.push('first aborted')
          reject(signal.reason)
        })
      })
    second.client.onrequest = async () => {
      log.push('second')
      await vi.waitFor(() => expect(log).toContain('first aborted'), 8000)
      await sleep(300)
      return 'the second answers'
    }
    const answer = rig.ask('q')
    await vi.waitFor(() => expect(log).toEqual(['first']), 5000)
    first.freeze()
    await vi.waitFor(() => expect(log).toContain('second'), 8000)
    first.thaw()
    expect(await answer).toBe('the second answers')
  })

  it('is known to a tab that opens after it', async () => {
    const { rig, tabs, asked } = await answerers(1)
    await using _rig = rig
    const answer = rig.ask('q')
    await vi.waitFor(() => expect(asked).toEqual(['0 q']), 5000)
    const late = await rig.open()
    late.client.onrequest = () => 'the late tab answers'
    await sleep(100)
    tabs[0]?.leave()
    expect(await answer).toBe('the late tab answers')
  })

  it('is not handled again when it was answered or given up, or the only tab is back', async () => {
    const { rig, tabs, asked, done } = await answerers(1)
    await using _rig = rig
    const [leader] = tabs
    const answer = rig.ask('one')
    await vi.waitFor(() => expect(asked).toEqual(['0 one']), 5000)
    leader?.leave()
    leader?.comeBack()
    await leader?.nth('open', 2)
    await sleep(100)
    for (const each of done) each()
    expect(await answer).toBe('0 answers')
    expect(await rig.ask('two', 200)).toBe('timeout')
    const other = await rig.open()
    other.client.onrequest = () => 'again'
    await sleep(200)
    leader?.leave()
    await other.nth('open', 2)
    await sleep(200)
    expect(asked).toEqual(['0 one', '0 two', '0 aborted'])
  })
})
