import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type BetterSseServer, startBetterSse } from '../support/better-sse-server.ts'
import { isEquippedWith, want } from '../support/equipment.ts'
import { type Nchan, startNchan } from '../support/nchan.ts'
import { probeSocket } from '../support/socket-probe.ts'

function readEvents(url: string, headers: Record<string, string> = {}) {
  const events: { id?: string | undefined; event?: string | undefined; data: string }[] = []
  const parser = createParser({ onEvent: ({ id, event, data }) => events.push({ id, event, data }) })
  const hangUp = new AbortController()
  const ended = fetch(url, { headers: { Accept: 'text/event-stream', ...headers }, signal: hangUp.signal })
    .then(async ({ body }) => {
      for await (const chunk of body ?? []) parser.feed(Buffer.from(chunk).toString())
    })
    .catch(() => {})
  return { events, ended, hangUp: () => hangUp.abort() }
}

describe('nchan', () => {
  let nchan: Nchan
  let channels = 0

  beforeAll(async () => {
    if (!(await isEquippedWith('nginx'))) return
    nchan = await startNchan({ holdSeconds: 1, script: import.meta.filename })
  })
  afterAll(async () => {
    await nchan?.close()
  })
  beforeEach((context) => want(context, 'nginx'))

  async function primed(): Promise<{ channel: string; cursor: string; sub: string }> {
    channels += 1
    const channel = `channel-${channels}`
    const cursor = await nchan.publish(channel, 'prime')
    return { channel, cursor, sub: `${nchan.subUrl(channel)}?last_event_id=${encodeURIComponent(cursor)}` }
  }

  it('offers all four transports at one URL', async () => {
    const { channel, sub } = await primed()
    const { dialled, messages, closed } = probeSocket(sub)
    await dialled
    const { events } = readEvents(sub)
    const longPoll = fetch(sub)
    const poll = await fetch(`${sub}&mode=poll`)
    expect(poll.status).toBe(304)
    await sleep(100)
    const id = await nchan.publish(channel, 'hello', { name: 'greeting' })
    await vi.waitFor(() => expect(messages).toEqual(['hello']))
    await vi.waitFor(() => expect(events).toEqual([{ id, event: 'greeting', data: 'hello' }]))
    const answer = await longPoll
    const cursor = `${Date.parse(answer.headers.get('last-modified') ?? '') / 1000}:${answer.headers.get('etag')}`
    expect([answer.status, await answer.text(), cursor]).toEqual([200, 'hello', id])
    expect(await (await fetch(`${sub}&mode=poll`)).text()).toBe('hello')
    expect(await closed).toMatchObject({ code: 1000 }) // by nchan's subscriber timeout
  })

  it('sends ids over a WebSocket with the subprotocol ws+meta.nchan', async () => {
    const { channel, sub } = await primed()
    const { dialled, messages } = probeSocket(sub, ['ws+meta.nchan'])
    await dialled
    const id = await nchan.publish(channel, 'hello')
    await vi.waitFor(() => expect(String(messages[0])).toMatch(new RegExp(`^id: ${id}\n(content-type: .*\n)?\nhello$`)))
  })

  it('replays 350 messages to a new subscriber', async () => {
    const { channel, sub } = await primed()
    for (let n = 1; n <= 350; n += 1) await nchan.publish(channel, `m${n}`)
    const { events, hangUp } = readEvents(sub)
    await vi.waitFor(() => expect(events).toHaveLength(350))
    expect(events.map(({ data }) => data)).toEqual(Array.from({ length: 350 }, (_, n) => `m${n + 1}`))
    hangUp()
  })

  it('closes its subscribers with 1001 when it reloads, and accepts messages afterwards', async () => {
    const { channel, sub } = await primed()
    const { dialled, closed } = probeSocket(sub)
    await dialled
    await nchan.reload()
    expect(await closed).toMatchObject({ code: 1001 })
    await nchan.publish(channel, 'again')
  })

  it('serves a page and a directory on the same origin', async () => {
    const page = await fetch(`${nchan.origin}/`)
    expect(page.headers.get('content-type')).toBe('text/html')
    expect(await page.text()).toContain(`<script src="/dist/${basename(import.meta.filename)}">`)
    const file = await fetch(`${nchan.origin}/dist/${basename(import.meta.filename)}`)
    expect(file.status).toBe(200)
    await file.text()
  })

  it('has not crashed, and leaves no files and no listener behind', async () => {
    expect(nchan.log()).not.toContain('exited on signal')
    const folder = mkdtempSync(join(tmpdir(), 'nothing-'))
    vi.stubEnv('TMPDIR', folder)
    const other = await startNchan()
    expect(readdirSync(folder)).toHaveLength(1)
    await other.close()
    vi.unstubAllEnvs()
    expect(readdirSync(folder)).toEqual([])
    rmdirSync(folder)
    expect(await probeSocket(other.origin).dialled).toEqual({ open: false, why: 'ECONNREFUSED' })
  })
})

describe('better-sse', () => {
  let server: BetterSseServer

  afterEach(async () => {
    await server.close()
  })

  it('sends JSON with ids, and replays by header or query', async () => {
    server = await startBetterSse()
    const live = readEvents(server.url)
    await vi.waitFor(() => expect(server.connections()).toBe(1))
    server.publish({ n: 1 })
    server.publish({ n: 2 }, { name: 'named' })
    const expected = [
      { id: '1', event: 'message', data: '{"n":1}' },
      { id: '2', event: 'named', data: '{"n":2}' },
    ]
    await vi.waitFor(() => expect(live.events).toEqual(expected))
    server.killAll()
    await live.ended
    server.publish({ n: 3 })
    const byHeader = readEvents(server.url, { 'Last-Event-ID': '1' })
    const byQuery = readEvents(`${server.url}?lastEventId=1`)
    for (const { events } of [byHeader, byQuery]) {
      await vi.waitFor(() => expect(events.map(({ data }) => data)).toEqual(['{"n":2}', '{"n":3}']))
    }
  })
})
