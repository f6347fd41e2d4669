import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Engine, EngineName, EnginePage } from '../support/engines.ts'
import { buildTabScript, patient, startTabs } from '../support/shared-tabs.ts'
import { useEngine } from '../support/use-engine.ts'

interface UsedTopic {
  readonly log: readonly unknown[]
  readonly topic: { publish(data: string): Promise<number>; unsubscribe(): void }
}

declare const client: { request(data: string): Promise<string> }
declare const topic: (name: string, options?: object) => void
declare const topics: Readonly<Record<string, UsedTopic>>

let script: Awaited<ReturnType<typeof buildTabScript>>
beforeAll(async () => {
  script = await buildTabScript()
})
afterAll(() => script?.remove())

describe.each(['chromium', 'firefox'] as const satisfies readonly EngineName[])('in %s', (name) => {
  let engine: Engine
  useEngine(name, (started) => {
    engine = started
  })
  const start = (count: number) => startTabs(engine, script.path, count)

  it('[SP21] each tab gets the replies to its own requests, also when the leader closes meanwhile', async () => {
    await using rig = await start(3)
    const [leader, ...others] = rig.tabs
    const ask = (page: EnginePage, prefix: string): Promise<string[]> =>
      page.evaluate((each) => Promise.all(Array.from({ length: 10 }, (_, index) => client.request(`${each} ${index}`))), prefix)
    const expected = (name: string) => Array.from({ length: 10 }, (_, each) => `re: ${name} ${each}`)
    const replies = await Promise.all(rig.tabs.map((page, index) => ask(page, `a${index}`)))
    expect(replies).toEqual(rig.tabs.map((_, index) => expected(`a${index}`)))
    const asked = others.map((page, index) => ask(page, `b${index}`))
    await sleep(10)
    await leader?.[Symbol.asyncDispose]()
    expect(await Promise.all(asked)).toEqual(others.map((_, index) => expected(`b${index}`)))
    expect(rig.server.handled.toSorted()).toEqual([...new Set(rig.server.handled)].toSorted())
    expect(rig.server.handled).toHaveLength(50)
    expect(rig.server.errors).toEqual([])
  }, 60_000)

  it('[SP22] tabs share one subscription of a topic, which stays when one of them unsubscribes', async () => {
    await using rig = await start(3)
    const [first, second, third] = rig.tabs as [EnginePage, EnginePage, EnginePage]
    const logOf = (page: EnginePage) => page.evaluate(() => topics['news']?.log)
    const publish = (data: string) => rig.server.servers[0]?.publish('news', data)
    for (const each of ['x', 'y']) await publish(each)
    await first.evaluate(() => topic('news'))
    await second.evaluate(() => topic('news', { since: 'start' }))
    await vi.waitFor(async () => expect(await logOf(second)).toEqual(['x', 'y']), patient)
    expect(await second.evaluate(() => topics['news']?.topic.publish('a'))).toBe(3)
    await vi.waitFor(async () => expect(await logOf(first)).toEqual(['a']), patient)
    await vi.waitFor(async () => expect(await logOf(second)).toEqual(['x', 'y', 'a']), patient)
    await second.evaluate(() => topics['news']?.topic.unsubscribe())
    for (const each of ['b', 'c']) {
      await publish(each)
      await sleep(400)
    }
    await vi.waitFor(async () => expect(await logOf(first)).toEqual(['a', 'b', 'c']), patient)
    expect(await logOf(second)).toEqual(['x', 'y', 'a'])
    expect(await third.evaluate(() => 'topics' in globalThis)).toBe(false)
  }, 60_000)

  it('[SP21] a request of the server is answered by one tab', async () => {
    await using rig = await start(3)
    const [id] = rig.server.sessions
    const handle = await rig.server.servers[0]?.session(id ?? '')
    expect(await handle?.request('who?')).toBe('page: who?')
  }, 60_000)
})
