import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Engine, EngineName, EnginePage } from '../support/engines.ts'
import { processOf } from '../support/page-process.ts'
import { buildTabScript, logOf, patient, startTabs } from '../support/shared-tabs.ts'
import { useEngine } from '../support/use-engine.ts'

declare const client: { send(data: string): void; flushed(): Promise<unknown>; close(): Promise<unknown> }

let script: Awaited<ReturnType<typeof buildTabScript>>
beforeAll(async () => {
  script = await buildTabScript()
})
afterAll(() => script?.remove())

const send = (page: EnginePage, ...texts: readonly string[]) =>
  page.evaluate((each) => {
    for (const text of each) client.send(text)
  }, texts)

/** Each tab sends five messages, and every tab receives the reply to each of them, once and in the same order. */
async function exchange(pages: readonly EnginePage[], handled: readonly string[], name: string): Promise<void> {
  const texts = pages.map((_, index) => Array.from({ length: 5 }, (__, each) => `${name}.${index} ${each}`))
  await Promise.all(pages.map((page, index) => send(page, ...(texts[index] ?? []))))
  const ofName = (all: readonly string[]) => all.filter((text) => text.startsWith(`${name}.`))
  await vi.waitFor(() => expect(ofName(handled).length).toBeGreaterThanOrEqual(texts.flat().length), patient)
  expect(ofName(handled).toSorted()).toEqual(texts.flat().toSorted())
  for (const page of pages)
    await vi.waitFor(
      async () => expect(ofName((await logOf(page)).taken)).toEqual(ofName(handled).map((text) => `${text} is taken`)),
      patient,
    )
}

type Harm = (leader: EnginePage, pid: number) => Promise<void> | void
const kill: Harm = (_, pid) => void process.kill(pid, 'SIGKILL')
const stop: Harm = (_, pid) => void process.kill(pid, 'SIGSTOP')
const occupy: Harm = (leader) => {
  leader.evaluate('for (;;) {}').catch(() => {})
}

describe.each(['chromium', 'firefox'] as const satisfies readonly EngineName[])('in %s', (name) => {
  let engine: Engine
  useEngine(name, (started) => {
    engine = started
  })

  it('eight tabs share one session over one attachment, also after the leader closes', async () => {
    await using rig = await startTabs(engine, script.path, 8)
    const { handled, sessions } = rig.server
    expect(sessions.size).toBe(1)
    await exchange(rig.tabs, handled, 'all')
    expect(rig.server.attachments()).toBe(1)

    // The first tab is the leader.
    await rig.tabs[0]?.[Symbol.asyncDispose]()
    const others = rig.tabs.slice(1)
    await exchange(others, handled, 'closed')
    expect(sessions.size).toBe(1)
    for (const page of others) expect((await logOf(page)).events).not.toContain('gap')

    // Another user does not share it.
    const stranger = await rig.open('another')
    expect(sessions.size).toBe(2)
    expect((await logOf(stranger)).taken).toEqual([])

    // The close() of the last tab ends the session.
    await stranger.evaluate(() => client.close())
    await vi.waitFor(() => expect(sessions.size).toBe(1), patient)
    for (const page of others) await page.evaluate(() => client.close())
    await vi.waitFor(() => expect(sessions.size).toBe(0), patient)
  }, 90_000)

  it.each([
    ['crashes', kill],
    ['is frozen', stop],
    ['blocks its thread for ever', occupy],
  ] as const)(
    'another tab takes over within 2 s when the leader %s',
    async (_, harm) => {
      await using rig = await startTabs(engine, script.path, 4)
      const [leader, ...others] = rig.tabs as readonly [EnginePage, ...EnginePage[]]
      const { handled, sessions } = rig.server
      const pid = await processOf(leader)
      await exchange(rig.tabs, handled, 'before')
      const harmedAt = performance.now()
      await harm(leader, pid)
      // Messages that are sent while there is no leader arrive too.
      await Promise.all(others.map((page) => send(page, 'meanwhile')))
      const meanwhile = () => handled.filter((text) => text === 'meanwhile')
      await vi.waitFor(() => expect(meanwhile()).toHaveLength(others.length), { timeout: 5000, interval: 5 })
      expect(performance.now() - harmedAt).toBeLessThan(2000)
      await exchange(others, handled, 'after')
      expect(sessions.size).toBe(1)
      expect(meanwhile()).toHaveLength(others.length)
      if (harm === stop) process.kill(pid, 'SIGCONT')
    },
    90_000,
  )

  it('a leader that was frozen during traffic sends nothing twice and nothing out of order when it is thawed', async () => {
    await using rig = await startTabs(engine, script.path, 3)
    const [leader, ...others] = rig.tabs as readonly [EnginePage, ...EnginePage[]]
    const { handled } = rig.server
    const pid = await processOf(leader)
    for (const [index, page] of rig.tabs.entries())
      await page.evaluate((each) => {
        let count = 0
        const saying = setInterval(() => client.send(`${each} ${count++}`), 10)
        Object.assign(globalThis, {
          async stopSaying() {
            clearInterval(saying)
            await client.flushed()
            return count
          },
        })
      }, index)
    await sleep(500)
    process.kill(pid, 'SIGSTOP')
    await sleep(4000)
    expect((await logOf(others[0] as EnginePage)).events).toContain('resumed')
    process.kill(pid, 'SIGCONT')
    await sleep(1000)
    const counts = await Promise.all(rig.tabs.map((page) => page.evaluate<number>('stopSaying()')))
    const said = counts.map((count, index) => Array.from({ length: count }, (_, each) => `${index} ${each}`))
    expect(said.map((_, index) => handled.filter((text) => text.startsWith(`${index} `)))).toEqual(said)
    const taken = handled.map((text) => `${text} is taken`)
    for (const page of rig.tabs) await vi.waitFor(async () => expect((await logOf(page)).taken).toEqual(taken), patient)
    for (const page of rig.tabs) expect((await logOf(page)).events).not.toContain('gap')
    expect(rig.server.attachments()).toBe(1)
    expect(await leader.evaluate('client.state.status')).toBe('open')
  }, 90_000)

  it('eight tabs without WebSocket leave connections free: the eighth loads in less than a second', async () => {
    await using rig = await startTabs(engine, script.path, 8, false)
    const loadMs = await rig.tabs[7]?.evaluate<number>("performance.getEntriesByType('navigation')[0].duration")
    expect(loadMs).toBeLessThan(1000)
    await exchange(rig.tabs, rig.server.handled, 'http')
  }, 90_000)
})
