import { describe, expect, it } from 'vitest'
import type { Host } from '../../src/api/host.ts'
import { RealtimeClient, type RealtimeOptions } from '../../src/index.ts'
import { manualPage } from '../support/manual-host.ts'

interface Asked {
  readonly at: number
  readonly method: string
  readonly url: string
  readonly init: RequestInit
  answer(status: number, body?: string): void
  fail(): void
}

/** A client whose server holds every request until the test answers it. */
function benchOf(options: RealtimeOptions = {}, more: Partial<Host> = {}) {
  const page = manualPage()
  const requests: Asked[] = []
  const fetch = (url: string, init: RequestInit) =>
    new Promise<Response>((resolve, reject) => {
      init.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
      requests.push({
        at: page.clock.now(),
        method: init.method ?? 'GET',
        url,
        init,
        answer: (status, body) => resolve(new Response(body ?? null, { status, headers: { 'Content-Type': 'text/plain' } })),
        fail: () => reject(new TypeError('Failed to fetch')),
      })
    })
  const client = new RealtimeClient('https://api.example/events?token=secret', {
    transports: ['long-poll'],
    probe: false,
    ...options,
    host: { ...page.host, fetch, ...more },
  })
  const questions = () => requests.filter(({ url }) => !url.includes('/events'))
  const posts = () => requests.filter(({ method }) => method === 'POST')
  return { ...page, client, requests, questions, posts }
}

describe('a first long-poll that is held', () => {
  it('opens, and then sends, when the host answers another request with any status', async () => {
    for (const [index, status] of [200, 404, 500].entries()) {
      const bench = benchOf()
      bench.client.send('hello')
      await bench.pass(2000)
      expect([bench.client.state.status, bench.posts().length]).toEqual(['connecting', 0])
      if (index) await bench.pass(500)
      bench.questions()[index ? 1 : 0]?.answer(status)
      await bench.pass(0)
      expect(bench.client.state).toMatchObject({ status: 'open', proven: false })
      expect(bench.posts()).toHaveLength(1)
      bench.posts()[0]?.answer(204)
      await bench.client.close()
    }
  })

  it('neither opens nor sends while the host answers nothing, and fails after connectTimeoutMs', async () => {
    const bench = benchOf({ connectTimeoutMs: 4000 })
    bench.client.send('hello')
    await bench.pass(3999)
    expect(bench.client.state.status).toBe('connecting')
    await bench.pass(1)
    expect(bench.client.state).toMatchObject({ status: 'waiting', diagnosis: { cause: 'net.timeout' } })
    await bench.pass(60_000)
    expect(bench.posts()).toEqual([])
    expect(bench.requests.filter(({ init }) => !init.signal?.aborted).length).toBeLessThanOrEqual(3)
    expect(await bench.client.close()).toMatchObject({ unsent: ['hello'] })
    expect([bench.clock.pending, bench.requests.every(({ init }) => init.signal?.aborted)]).toEqual([0, true])
  })

  it('asks the host in time, however short connectTimeoutMs is', async () => {
    for (const connectTimeoutMs of [300, 1500, 2000, 2500]) {
      const bench = benchOf({ connectTimeoutMs })
      await bench.pass(connectTimeoutMs / 2)
      expect(bench.questions().map(({ method }) => method)).toEqual(['HEAD'])
      await bench.pass(connectTimeoutMs / 4)
      expect(bench.questions().map(({ method }) => method)).toEqual(['HEAD', 'GET'])
      bench.questions()[1]?.answer(404)
      await bench.pass(0)
      expect(bench.client.state.status).toBe('open')
      await bench.client.close()
    }
  })

  it('asks the root of the host in no-cors mode, without cookies or query, at a new URL each time', async () => {
    const bench = benchOf()
    await bench.pass(9000)
    expect(bench.questions().map(({ at, method }) => [at, method])).toEqual([
      [2000, 'HEAD'],
      [2500, 'GET'],
    ])
    for (const { url, init } of bench.questions()) {
      expect(url).toMatch(/^https:\/\/api\.example\/\?[\w-]{22}$/)
      expect(init).toMatchObject({ mode: 'no-cors', credentials: 'omit', cache: 'no-store' })
    }
    await bench.client.close()
  })

  it('asks once more in cors mode if the response may not be embedded (Cross-Origin-Resource-Policy)', async () => {
    const bench = benchOf()
    await bench.pass(2000)
    bench.questions()[0]?.fail()
    await bench.pass(0)
    expect(bench.questions().map(({ method, init }) => [method, init.mode])).toEqual([
      ['HEAD', 'no-cors'],
      ['HEAD', 'cors'],
    ])
    bench.questions()[1]?.answer(404)
    await bench.pass(0)
    expect(bench.client.state.status).toBe('open')
    await bench.client.close()
  })

  it('sends only HEAD from a page with a service worker, which may answer any GET from its cache', async () => {
    const bench = benchOf({}, { isControlled: () => true })
    await bench.pass(4000)
    expect(bench.questions().map(({ method }) => method)).toEqual(['HEAD'])
    await bench.client.close()
  })

  it('does not open if the requests to the host fail', async () => {
    const bench = benchOf()
    await bench.pass(2600)
    for (const question of bench.questions()) question.fail()
    await bench.pass(1000)
    expect(bench.client.state.status).toBe('connecting')
    await bench.client.close()
  })

  it('does not ask the host if it has just answered a poll', async () => {
    for (const [pauseMs, asked] of [
      [5000, 0],
      [9000, 1],
    ] as const) {
      const bench = benchOf()
      bench.requests[0]?.answer(204)
      await bench.pass(0)
      bench.requests[0]?.answer(204)
      await bench.pass(pauseMs)
      bench.requests.at(-1)?.fail()
      await bench.pass(500 + 2100)
      expect(bench.questions()).toHaveLength(asked)
      expect(bench.client.state.status).toBe(asked ? 'connecting' : 'open')
      await bench.client.close()
    }
  })

  it('does not ask the host once it is answered itself, or has failed', async () => {
    const bench = benchOf()
    await bench.pass(1000)
    bench.requests[0]?.answer(200, 'news')
    await bench.pass(60)
    expect(bench.client.state).toMatchObject({ status: 'open', proven: true })
    bench.requests[1]?.fail()
    await bench.pass(1400)
    expect(bench.questions()).toEqual([])
    await bench.client.close()
    expect(bench.clock.pending).toBe(0)
  })
})

describe('an open long-poll whose requests are held without an answer', () => {
  /** Opened by one answer; no request is answered after it. */
  async function opened() {
    const bench = benchOf({ connectTimeoutMs: 10_000 })
    await bench.pass(1000)
    bench.requests[0]?.answer(200, 'news')
    await bench.pass(60)
    expect(bench.client.state.status).toBe('open')
    return bench
  }

  it('asks the host about once a minute, and stays open as long as it answers', async () => {
    const bench = await opened()
    for (let minute = 1; minute <= 4; minute += 1) {
      await bench.pass(minute === 1 ? 62_500 : 60_500)
      expect(bench.questions().length).toBeGreaterThan(0)
      expect(bench.questions().length).toBeLessThanOrEqual(2 * minute)
      for (const question of bench.questions()) question.answer(404)
      await bench.pass(0)
    }
    expect(bench.client.state.status).toBe('open')
    await bench.client.close()
    expect(bench.clock.pending).toBe(0)
  })

  it('is lost as silent if the host answers nothing for connectTimeoutMs', async () => {
    const bench = await opened()
    const causes: string[] = []
    bench.client.on('error', ({ diagnosis }) => causes.push(diagnosis.cause))
    await bench.pass(69_000)
    expect(bench.client.state.status).toBe('open')
    await bench.pass(2000)
    expect(bench.client.state.status).not.toBe('open')
    expect(causes[0]).toBe('conn.silent')
    await bench.client.close()
    expect([bench.clock.pending, bench.requests.slice(1).every(({ init }) => init.signal?.aborted)]).toEqual([0, true])
  })

  it('is lost in the same time if its requests are short, each of which finds the host asked already', async () => {
    const bench = benchOf({ transports: [{ type: 'long-poll', timeoutMs: 400 }], connectTimeoutMs: 10_000 })
    await bench.pass(100)
    bench.requests[0]?.answer(200, 'news')
    await bench.pass(54_000)
    expect(bench.client.state.status).toBe('open')
    expect(bench.questions().map(({ method }) => method)).toEqual(['HEAD', 'GET'])
    await bench.pass(2000)
    expect(bench.client.state.status).not.toBe('open')
    await bench.client.close()
    expect(bench.clock.pending).toBe(0)
  })

  it('does not ask while the server answers in time, with or without news', async () => {
    const bench = await opened()
    for (let round = 0; round < 20; round += 1) {
      await bench.pass(15_000)
      if (round % 2) bench.requests.at(-1)?.answer(204)
      else bench.requests.at(-1)?.answer(200, `${round}`)
      await bench.pass(1100)
    }
    expect(bench.questions()).toEqual([])
    expect(bench.client.state.status).toBe('open')
    await bench.client.close()
  })

  it('does not ask any more once a held request is answered', async () => {
    const bench = await opened()
    await bench.pass(61_000)
    bench.requests.at(-1)?.answer(200, 'late news')
    await bench.pass(19_000)
    expect(bench.questions()).toEqual([])
    expect(bench.client.state.status).toBe('open')
    await bench.client.close()
  })
})

describe('an event stream without response headers', () => {
  it('opens when the host answers another request, if there is no other transport', async () => {
    const bench = benchOf({ transports: ['sse'] })
    await bench.pass(2000)
    bench.questions()[0]?.answer(404)
    await bench.pass(30_000)
    expect(bench.client.state).toMatchObject({ status: 'open', proven: false })
    bench.requests[0]?.answer(500)
    await bench.pass(100)
    expect(bench.client.state).toMatchObject({ diagnosis: { cause: 'http.500' } })
    await bench.client.close()
    expect(bench.clock.pending).toBe(0)
  })

  it.each([
    ['while the host answers nothing', ['sse']],
    ['if there is another transport', ['sse', 'poll']],
  ] as const)('fails after connectTimeoutMs %s', async (_, transports) => {
    const bench = benchOf({ transports, raceAfterMs: 60_000 })
    await bench.pass(9999)
    expect(bench.client.state).toMatchObject({ status: 'connecting', transports: ['sse'] })
    expect(bench.questions()).toHaveLength(transports.length === 1 ? 2 : 0)
    await bench.pass(1)
    expect(bench.client.state).not.toMatchObject({ transports: ['sse'] })
    await bench.client.close()
  })
})
